/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite.h - runs the unit tests of one module
 *
 * A test file ends in a table of its tests, each with its case: core (what the
 * module is for), limits, misuse, faults. The table is the file's contents page.
 *
 * SUITE_MAIN_AROUND: with what stands before and after each test, in its process.
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
	int rounds;	    /* with _i from 0 on; 0: once */
};

static inline TCase *suite_case(Suite *suite, const char *name, TCase *last, const char *last_name)
{
	TCase *test_case;

	if (last && strcmp(name, last_name) == 0)
		return last;
	test_case = tcase_create(name);
	tcase_set_timeout(test_case, 120); /* for a machine that does much else */
	suite_add_tcase(suite, test_case);
	return test_case;
}

/* Tests of one case stand together. before, after: NULL is fine. Returns the exit status. */
static inline int suite_run(const char *module, const struct suite_test *tests, size_t count,
			    SFun before, SFun after)
{
	Suite *suite = suite_create(module);
	TCase *test_case = NULL;
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < count; i++) {
		TCase *last = test_case;

		test_case = suite_case(suite, tests[i].test_case, last,
				       i > 0 ? tests[i - 1].test_case : "");
		if (test_case != last)
			tcase_add_checked_fixture(test_case, before, after);
		tcase_add_loop_test(test_case, *tests[i].test, 0,
				    tests[i].rounds > 0 ? tests[i].rounds : 1);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_MAIN_AROUND(module, tests, before, after)                                            \
	int main(void)                                                                             \
	{                                                                                          \
		return suite_run(module, tests, sizeof(tests) / sizeof((tests)[0]), before,        \
				 after);                                                           \
	}
#define SUITE_MAIN(module, tests) SUITE_MAIN_AROUND(module, tests, NULL, NULL)

#endif
