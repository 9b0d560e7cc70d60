/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c - telling the service manager how far a service is, sd_notify(3) */
#include "base/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"

#define SOCKET_VARIABLE "NOTIFY_SOCKET"

/* A path, or with '@' before it a name that is in no file system. 0: neither. */
static socklen_t address_of(const char *name, struct sockaddr_un *ret_address)
{
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || length < 2 ||
	    length >= sizeof(ret_address->sun_path))
		return 0;
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_address->sun_path, name, length);
	if (name[0] == '@')
		ret_address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static int datagram_send(const char *name, const char *text)
{
	struct sockaddr_un address;
	socklen_t length = address_of(name, &address);
	AUTO_CLOSE int fd = -1;

	if (length == 0)
		return -EINVAL;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, length) < 0)
		return -errno;
	return 0;
}

void notify_send(const char *format, ...)
{
	const char *name = getenv(SOCKET_VARIABLE);
	char text[512];
	va_list args;
	int rc;

	if (!name)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	rc = datagram_send(name, text);
	if (rc < 0)
		log_debug("cannot notify %s: %s", name, strerror(-rc));
}

void notify_forget(void)
{
	unsetenv(SOCKET_VARIABLE);
}
