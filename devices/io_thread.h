/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_thread.h - the thread on which a guest's virtio devices do their work
 *
 * A loop of its own, so that neither vCPUs nor the main thread wait for a disk or a
 * network, and devices need no lock against one another: all that is not said to be
 * for vCPU threads runs here.
 *
 *   io_thread_create()   the loop exists, no thread: devices add their sources
 *   io_thread_start()    the loop runs; from here on it belongs to the thread
 *   io_thread_stop()     it has ended; sources may be added and removed again, and
 *                        io_thread_start() starts anew
 *   io_thread_free()     stops it, if need be
 *
 * All of these for the main thread alone.
 */
#ifndef DEVICES_IO_THREAD_H
#define DEVICES_IO_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"

struct io_thread;

CHECKED int io_thread_create(struct io_thread **ret_thread);
void io_thread_free(struct io_thread *thread); /* with its loop; NULL is fine */

struct loop *io_thread_loop(struct io_thread *thread);

CHECKED int io_thread_start(struct io_thread *thread, struct fail *why);
/*
 * Fine when it does not run. -ETIMEDOUT: a callback does not return. The thread ends when it
 * does, and may use its sources until then; this can be called again.
 */
CHECKED int io_thread_stop(struct io_thread *thread, uint64_t patience_ns);
bool io_thread_runs(const struct io_thread *thread);

/*
 * Returns once no callback runs; none is called until the resume. Calls don't nest.
 * What a device has handed to the kernel goes on. -ETIMEDOUT: a callback does not return,
 * and there is no pause.
 */
CHECKED int io_thread_pause(struct io_thread *thread, uint64_t patience_ns);
void io_thread_resume(struct io_thread *thread);

#endif
