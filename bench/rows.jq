# SPDX-License-Identifier: Apache-2.0
# rows.jq - what a benchmark's line of JSON says, as rows of bench/all's table
#
# Each row: what is measured, samepage's figure, the other side's, the goal, and whether
# it is met. Figures that a benchmark did not bring are "-".

def number: if type != "number" then "-"
	elif . >= 100 then round | tostring
	elif . >= 10 then . * 10 | round / 10 | tostring
	else . * 1000 | round / 1000 | tostring end;
def figure(unit): if . == null then "-" else number + " " + unit end;
def percent: if . == null then "-" else (. * 100 | number) + " %" end;
def verdict: if . == true then "yes" elif . == false then "no" else "-" end;
def row($what; $ours; $theirs; $goal; $met): [$what, $ours, $theirs, $goal, ($met | verdict)];
def at_most: "at most " + (. | number);

def blocked: "\(.p999_us | figure("us")) (median \(.median_us | number), p99 \(.p99_us | number), longest \(.longest_us | number))";

def rows:
	if .name == "against-ksm" then
		row("memory reclaimed, of what is possible"; .reclaimed_of_possible | percent;
			.ksm.reclaimed_pages / .possible_pages | percent; "at least \(.reclaimed_goal | percent), and KSM's";
			.reclaimed_of_possible >= .reclaimed_goal and .reclaimed_ratio >= 1),
		row("CPU per reclaimed page"; .samepage.cpu_seconds * 1e6 / .samepage.reclaimed_pages | figure("us");
			.ksm.cpu_seconds * 1e6 / .ksm.reclaimed_pages | figure("us"); "\(.goal | at_most) of KSM's"; .ratio <= .goal),
		row("overhead per byte reclaimed"; (.overhead | percent) + (if .overhead_isolated then
			" (isolated pages: \(.overhead_isolated | percent))" else "" end); "-"; "at most \(.overhead_goal | percent)";
			.overhead <= .overhead_goal)
	elif .name == "burndown" then
		row("time to 90 % of the saving, KSM at full speed"; .samepage.seconds_to_90 | figure("s"); .ksm.seconds_to_90 | figure("s");
			"\(.goal | at_most) of KSM's"; .samepage.seconds_to_90 <= .goal * .ksm.seconds_to_90),
		row("time to 99 %"; .samepage.seconds_to_99 | figure("s"); .ksm.seconds_to_99 | figure("s");
			"\(.goal | at_most) of KSM's"; .samepage.seconds_to_99 <= .goal * .ksm.seconds_to_99),
		row("the same, KSM at its defaults"; .samepage.seconds_to_99 | figure("s");
			(if .ksm_defaults.seconds_to_99 then .ksm_defaults.seconds_to_99 | figure("s")
			else "more than " + (.ksm_defaults.waited_seconds | figure("s")) end);
			"\(.goal_of_defaults | at_most) of KSM's"; .ratio_of_defaults <= .goal_of_defaults)
	elif .name == "steady" then
		row("CPU of an idle fleet, converged"; .samepage.cpu_percent | figure("%"); .ksm.cpu_percent | figure("%");
			"\(.goal | at_most) of KSM's"; .ratio <= .goal),
		row("longest wait of new duplicates there"; .samepage.wait_longest_seconds | figure("s");
			.ksm.wait_longest_seconds | figure("s"); "-"; null)
	elif .name == "stall" then
		row("a writer blocked by a merge: p99.9, 1 writer"; .aimed_1.blocked | blocked;
			.ksm_1.all.p999_us | figure("us (any write)"); "\(.goal_us | at_most) us"; .aimed_1.blocked.p999_us <= .goal_us),
		row("the same, 4 writers"; .aimed_4.blocked | blocked; .ksm_4.all.p999_us | figure("us (any write)");
			"\(.goal_us | at_most) us"; .aimed_4.blocked.p999_us <= .goal_us)
	elif .name == "break" then
		row("a write to a shared page"; .samepage.median_ns | figure("ns"); .ksm.median_ns | figure("ns");
			"\(.goal | at_most) of KSM's"; .met)
	elif .name == "interference" then
		(.goal_mean as $goal_mean | .goal_p99 as $goal_p99 |
		(.native, .guest | select(. != null)) as $half | (if $half == .native then "natively" else "a Linux guest" end) as $where |
		row("a busy guest's slowdown, mean, \($where)"; $half.samepage.mean | percent; $half.ksm.mean | percent;
			"at most \($goal_mean | percent)"; $half.samepage.mean <= $goal_mean),
		row("the same, p99"; $half.samepage.p99 | percent; $half.ksm.p99 | percent;
			"at most \($goal_p99 | percent)"; $half.samepage.p99 <= $goal_p99))
	elif .name == "density" then
		row("host memory per guest, \(.guests) of \(.mib) MiB" + (if (.words // "") == "" then "" else ", with " + .words end); .samepage.mib_per_guest | figure("MiB");
			"\(.ksm.mib_per_guest | figure("MiB")), at defaults \(.ksm_defaults.mib_per_guest | figure("MiB"))";
			"\(.goal | at_most) of the better"; .met)
	elif .name == "fleet" then
		row("\(.guests) guests up: one command, and one by one"; .samepage.seconds | figure("s"); .ksm.seconds | figure("s");
			"\(.goal | at_most) of QEMU's"; .ratio <= .goal),
		row("host memory per guest then, KSM at full speed"; .samepage.mib_per_guest | figure("MiB"); .ksm.mib_per_guest | figure("MiB");
			"\(.memory_goal | at_most) of QEMU's"; .memory_ratio <= .memory_goal)
	elif .name == "scale" then
		row("growth of a page's CPU and time with the fleet"; ([.growth.samepage[][]] | max | number) +
			" (broker busy: \(.broker_busy_most | percent))";
			[.growth.ksm[][]] | max | number; .goal | at_most; .met)
	elif .name == "sidechannel" then
		row("what timing writes tells of another domain"; .across.advantage | percent; "-"; .goal | at_most; .met)
	elif .name == "boot" then
		row("start of the process to the guest's init"; .samepage.median_ms | figure("ms"); .microvm.median_ms | figure("ms, microvm");
			"\(.goal | at_most) of microvm's"; .met)
	elif .name == "overhead" then
		row("memory of a guest's process beside the guest's"; .samepage.kib | figure("KiB"); .microvm.kib | figure("KiB, microvm");
			"\(.goal_kib | at_most) KiB"; .met)
	elif .name == "disk" or .name == "net" then
		row("\(.name), worst job, of microvm's throughput"; .ratio | percent; "100 %"; "at least \(.goal | percent)"; .met)
	else
		row(.name; .ratio | number; "-"; .goal | number; .met)
	end;
