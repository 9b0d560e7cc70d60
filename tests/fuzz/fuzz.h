/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - one parser of untrusted bytes
 *
 * Each fuzz_<noun>.c defines the function below. With libFuzzer it is fed what finds
 * new paths; in make check, replay.c feeds it the corpus and simple variations of it.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's. Aborts where the parser has let something through. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#endif
