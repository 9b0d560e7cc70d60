/* SPDX-License-Identifier: Apache-2.0 */
/* power-button.c - power the guest off when its ACPI power button is pressed */
/*
 * What acpid or logind does on a full system.  Returns once it listens, so that
 * whoever started it may tell the outside that the button works; a child stays.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#define BUTTONS_MAX 8

static bool has_power_key(int fd)
{
	unsigned char keys[KEY_MAX / 8 + 1];

	memset(keys, 0, sizeof(keys));
	if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) < 0)
		return false;
	return keys[KEY_POWER / 8] >> KEY_POWER % 8 & 1;
}

static nfds_t buttons_open(struct pollfd *buttons)
{
	DIR *directory = opendir("/dev/input");
	struct dirent *entry;
	nfds_t count = 0;

	while (directory && count < BUTTONS_MAX && (entry = readdir(directory))) {
		int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (has_power_key(fd))
			buttons[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		else
			close(fd);
	}
	if (directory)
		closedir(directory);
	return count;
}

static bool is_pressed(int fd)
{
	struct input_event event;

	if (read(fd, &event, sizeof(event)) == sizeof(event))
		return event.type == EV_KEY && event.code == KEY_POWER && event.value == 1;
	return false;
}

int main(void)
{
	struct pollfd buttons[BUTTONS_MAX];
	nfds_t count = buttons_open(buttons);

	if (count == 0) {
		fprintf(stderr, "power-button: this machine has none\n");
		return 1;
	}
	if (fork() != 0)
		return 0;
	setsid();
	while (poll(buttons, count, -1) > 0) {
		for (nfds_t i = 0; i < count; i++) {
			if (!(buttons[i].revents & POLLIN) || !is_pressed(buttons[i].fd))
				continue;
			printf("POWER BUTTON\n");
			fflush(stdout);
			sync();
			reboot(RB_POWER_OFF);
		}
	}
	return 1;
}
