/* SPDX-License-Identifier: Apache-2.0 */
/* boot_watch.c - whether a guest that was started has booted */
#include "cli/boot_watch.h"

#include "base/proc.h"
#include "cli/client.h"

#define WORK_MAX_NS   (10 * NS_PER_SEC) /* a distribution boots in less */
#define LONGEST_NS    (60 * NS_PER_SEC)
#define CALM_ONE_IN   4 /* it rests if it works for less than this part of the time */
#define CALM_LOOKS    2
#define NOTHING_LOOKS 5 /* in so many one that is not paused has begun */

void boot_watch_begin_process(struct boot_watch *watch, pid_t pid, uint64_t now_ns)
{
	*watch = (struct boot_watch){ .pid = pid, .began_ns = now_ns, .looked_ns = now_ns };
}

void boot_watch_begin(struct boot_watch *watch, const char *name, uint64_t now_ns)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	struct fail why;

	*watch = (struct boot_watch){ 0 };
	if (client_connect(name, &client, &why) == 0)
		boot_watch_begin_process(watch, client.pid, now_ns);
}

bool boot_watch_is_on(const struct boot_watch *watch)
{
	return watch->pid != 0;
}

/* Numbers that fall are those of new threads: the guest has rebooted. */
static uint64_t grown_by(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

/* A vCPU that gets no processor at all adds to no number: but it is seen to wait for one. */
static bool is_calm(const struct boot_watch *watch, const struct proc_threads *vcpus,
		    uint64_t now_ns)
{
	uint64_t busy_ns = grown_by(vcpus->ran_ns, watch->ran_ns) +
			   grown_by(vcpus->waited_ns, watch->waited_ns);

	return vcpus->runnable == 0 && busy_ns * CALM_ONE_IN < now_ns - watch->looked_ns;
}

static bool is_over(const struct boot_watch *watch, const struct proc_threads *vcpus)
{
	return vcpus->count == 0 || watch->worked_ns > WORK_MAX_NS ||
	       watch->looked_ns - watch->began_ns > LONGEST_NS ||
	       watch->calm_looks >= (watch->worked_ns > 0 ? CALM_LOOKS : NOTHING_LOOKS);
}

void boot_watch_look(struct boot_watch *watch, uint64_t now_ns)
{
	struct proc_threads vcpus;

	if (!boot_watch_is_on(watch) || now_ns - watch->looked_ns < BOOT_WATCH_LOOK_NS)
		return;
	proc_threads_read(watch->pid, "vcpu", &vcpus);
	watch->calm_looks = is_calm(watch, &vcpus, now_ns) ? watch->calm_looks + 1 : 0;
	watch->worked_ns += grown_by(vcpus.ran_ns, watch->ran_ns);
	watch->ran_ns = vcpus.ran_ns;
	watch->waited_ns = vcpus.waited_ns;
	watch->looked_ns = now_ns;
	if (is_over(watch, &vcpus))
		*watch = (struct boot_watch){ 0 };
}
