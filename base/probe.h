/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - places where perf, bpftrace and their like can look in, see doc/probes.md
 *
 * PROBE2(name, a, b) costs one instruction that does nothing, until somebody traces it.
 * Arguments are whole numbers, and at hand already: they are computed in any case.
 */
#ifndef BASE_PROBE_H
#define BASE_PROBE_H

#include "config.h"

#ifdef HAVE_SYS_SDT_H
#include <sys/sdt.h>
#define PROBE2(name, a, b)    DTRACE_PROBE2(samepage, name, a, b)
#define PROBE3(name, a, b, c) DTRACE_PROBE3(samepage, name, a, b, c)
#else
#define PROBE2(name, a, b)    ((void)(a), (void)(b))
#define PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
