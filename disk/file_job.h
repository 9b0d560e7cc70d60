/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_job.h - one thing to do with one open file
 *
 * The caller fills the first half and owns the memory; from file_io_submit() to done()
 * it is the engine's (disk/file_io.h). A job is done when all of it is done: short
 * transfers are continued, what was interrupted is tried again, and where a file system
 * can't make zeroes, they are written.
 */
#ifndef DISK_FILE_JOB_H
#define DISK_FILE_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum file_op {
	FILE_READ,  /* the end of the file before `length` is -EIO */
	FILE_WRITE, /* no space is -ENOSPC */
	FILE_SYNC,  /* what was written before this was submitted is on the medium */
	FILE_PUNCH, /* gives space back, if it can; the bytes read as zeroes or stay */
	FILE_ZERO,  /* the bytes read as zeroes */
};

struct file_job {
	enum file_op op;
	int fd;
	uint64_t offset, length; /* bytes */
	struct iovec *parts;	 /* of FILE_READ and FILE_WRITE; their contents are changed */
	unsigned int part_count;
	bool may_unmap; /* of FILE_ZERO: as a hole */
	void (*done)(struct file_job *job, int error);

	/* the engine's own */
	struct file_job *next;
	uint64_t progress; /* bytes */
	bool writes_zeroes;
	struct iovec zeroes;
	int error; /* 0 or -errno */
};

/* A queue of jobs, linked by `next`. Zeroed: empty. */
struct file_jobs {
	struct file_job *first, *last;
};

void file_jobs_push(struct file_jobs *jobs, struct file_job *job);
struct file_job *file_jobs_pop(struct file_jobs *jobs); /* NULL: empty */

/* What a job needs next of the kernel: one system call. */
struct file_call {
	enum file_op op; /* FILE_ZERO only as long as the file system can */
	int mode;	 /* of fallocate() */
	struct iovec *parts;
	unsigned int part_count;
	uint64_t offset, length;
};

void file_job_begin(struct file_job *job);
void file_job_next_call(struct file_job *job, struct file_call *ret_call);

/*
 * Takes in what the call returned (bytes, 0 or -errno). True: the job is over, with
 * job->error. False: there is more to do.
 */
bool file_job_take_result(struct file_job *job, int64_t result);

#endif
