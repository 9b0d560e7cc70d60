/* SPDX-License-Identifier: Apache-2.0 */
/* auto.h - ownership that the compiler keeps: what leaves scope is given back */
#ifndef BASE_AUTO_H
#define BASE_AUTO_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * AUTO_FREE char *p = NULL;   freed at the end of the scope
 * AUTO_CLOSE int fd = -1;     closed at the end of the scope
 * return TAKE(p);             hands p over: the scope no longer owns it
 * return TAKE_FD(fd);
 *
 * Both keep errno, so that a failing path can still report its cause.
 */
#define AUTO_FREE  __attribute__((cleanup(auto_free)))
#define AUTO_CLOSE __attribute__((cleanup(auto_close)))

#define CHECKED	      __attribute__((warn_unused_result))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define TAKE(pointer)                                                                              \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

static inline void auto_free(void *where)
{
	/* free() keeps errno since glibc 2.33 */
	free(*(void **)where);
}

static inline void auto_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

#endif
