/* SPDX-License-Identifier: Apache-2.0 */
/* vsock-echo.c - sends back what comes from those who connect to port 1000 of AF_VSOCK */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define PORT 1000

static void echo(int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t sent = 0, m; sent < n; sent += m) {
			m = write(fd, bytes + sent, (size_t)(n - sent));
			if (m < 0)
				return;
		}
}

int main(void)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = PORT,
	};
	int listen_fd = socket(AF_VSOCK, SOCK_STREAM, 0), fd;

	if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listen_fd, 1) < 0) {
		perror("VSOCK-ECHO FAILED");
		return 1;
	}
	puts("VSOCK-ECHO LISTENS");
	fflush(stdout);
	while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
		echo(fd);
		close(fd);
	}
	return 1;
}
