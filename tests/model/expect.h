/* SPDX-License-Identifier: Apache-2.0 */
/* expect.h - a claim that ends the test, and says where, when it does not hold */
#ifndef TESTS_MODEL_EXPECT_H
#define TESTS_MODEL_EXPECT_H

#include <stdio.h>
#include <stdlib.h>

#define expect(claim)                                                                              \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
