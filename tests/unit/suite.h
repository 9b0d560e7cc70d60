/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite.h - runs the unit tests of one module
 *
 * A test file ends in a table of its tests, each with its case: core (what the
 * module is for), limits, misuse, faults. The table is the file's contents page.
 */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#undef NDEBUG
#include <check.h>
#include <stdlib.h>
#include <string.h>

struct suite_test {
	const char *test_case;
	const TTest **test; /* what START_TEST(name) makes: &name */
};

static inline TCase *suite_case(Suite *suite, const char *name, TCase *last, const char *last_name)
{
	TCase *test_case;

	if (last && strcmp(name, last_name) == 0)
		return last;
	test_case = tcase_create(name);
	tcase_set_timeout(test_case, 60); /* for a machine that does much else */
	suite_add_tcase(suite, test_case);
	return test_case;
}

/* Tests of one case stand together. Returns the exit status. */
static inline int suite_run(const char *module, const struct suite_test *tests, size_t count)
{
	Suite *suite = suite_create(module);
	TCase *test_case = NULL;
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < count; i++) {
		test_case = suite_case(suite, tests[i].test_case, test_case,
				       i > 0 ? tests[i - 1].test_case : "");
		tcase_add_test(test_case, *tests[i].test);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_MAIN(module, tests)                                                                  \
	int main(void)                                                                             \
	{                                                                                          \
		return suite_run(module, tests, sizeof(tests) / sizeof((tests)[0]));               \
	}

#endif
