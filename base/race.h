/* SPDX-License-Identifier: Apache-2.0 */
/*
 * race.h - where a function races with the guest, and is meant to
 *
 * The guest writes to its memory whenever it likes. Whoever hashes a page, compares it or
 * sends it away may find half of a write there, and whoever maps other memory below it
 * comes in between two writes. That is part of the game: nothing is concluded from such
 * bytes but under a hold (dedup/merge.c), and no writer gets past that. A vCPU is no
 * thread that ThreadSanitizer knows, but a device is one, and so are the writers of tests.
 * To the sanitizer all of these are races. A function that begins with
 *
 *	RACES_WITH_GUEST;
 *
 * is believed, to its end and with all that it calls, the C library included. It is for
 * functions that touch guest memory and nothing else that threads share: in them, a race
 * that is a mistake would not be found either. Without that sanitizer it is nothing.
 */
#ifndef BASE_RACE_H
#define BASE_RACE_H

#ifdef __SANITIZE_THREAD__

/* Of the sanitizer's run-time library, which has no header for them. */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static inline char race_begin(void)
{
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	return 0;
}

static inline void race_end(const char *race)
{
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

#define RACES_WITH_GUEST                                                                           \
	__attribute__((cleanup(race_end), unused)) const char race_with_guest_ = race_begin()
#else
#define RACES_WITH_GUEST _Static_assert(1, "only a sanitizer minds")
#endif

#endif
