/* SPDX-License-Identifier: Apache-2.0 */
/* file_job.c - one thing to do with one open file */
#include "disk/file_job.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stddef.h>

#define ZEROES_BYTES (256u << 10)

/* Never written to: all of it is the kernel's one page of zeroes, or memory of nobody's. */
static char zeroes[ZEROES_BYTES];

void file_jobs_push(struct file_jobs *jobs, struct file_job *job)
{
	job->next = NULL;
	if (jobs->last)
		jobs->last->next = job;
	else
		jobs->first = job;
	jobs->last = job;
}

struct file_job *file_jobs_pop(struct file_jobs *jobs)
{
	struct file_job *job = jobs->first;

	if (job)
		jobs->first = job->next;
	if (!jobs->first)
		jobs->last = NULL;
	return job;
}

void file_job_begin(struct file_job *job)
{
	job->progress = 0;
	job->writes_zeroes = false;
	job->error = 0;
}

static int fallocate_mode(const struct file_job *job)
{
	if (job->op == FILE_PUNCH || job->may_unmap)
		return FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
	return FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE;
}

void file_job_next_call(struct file_job *job, struct file_call *ret_call)
{
	*ret_call = (struct file_call){
		.op = job->op,
		.parts = job->parts,
		.part_count = job->part_count < IOV_MAX ? job->part_count : IOV_MAX,
		.offset = job->offset + job->progress,
		.length = job->length - job->progress,
	};
	if (job->writes_zeroes) {
		job->zeroes.iov_base = zeroes;
		job->zeroes.iov_len =
			ret_call->length < ZEROES_BYTES ? ret_call->length : ZEROES_BYTES;
		ret_call->op = FILE_WRITE;
		ret_call->parts = &job->zeroes;
		ret_call->part_count = 1;
	} else if (job->op == FILE_PUNCH || job->op == FILE_ZERO) {
		ret_call->mode = fallocate_mode(job);
	}
}

static void parts_skip(struct file_job *job, uint64_t bytes)
{
	while (job->part_count > 0 && bytes >= job->parts->iov_len) {
		bytes -= job->parts->iov_len;
		job->parts++;
		job->part_count--;
	}
	if (job->part_count > 0) {
		job->parts->iov_base = (char *)job->parts->iov_base + bytes;
		job->parts->iov_len -= bytes;
	}
}

static bool take_transferred(struct file_job *job, uint64_t bytes)
{
	uint64_t left = job->length - job->progress;

	if (bytes == 0 || bytes > left) {
		job->error = -EIO; /* the file has become shorter */
		return true;
	}
	job->progress += bytes;
	if (bytes < left && !job->writes_zeroes)
		parts_skip(job, bytes);
	return bytes == left;
}

static bool is_unknown_to_file_system(int64_t result)
{
	return result == -EOPNOTSUPP || result == -ENOSYS || result == -ENODEV || result == -EINVAL;
}

bool file_job_take_result(struct file_job *job, int64_t result)
{
	bool is_transfer = job->op == FILE_READ || job->op == FILE_WRITE || job->writes_zeroes;

	if (result == -EINTR || result == -EAGAIN)
		return false;
	if (result >= 0)
		return is_transfer ? take_transferred(job, (uint64_t)result) : true;
	if (is_unknown_to_file_system(result) && job->op == FILE_PUNCH)
		return true;
	if (is_unknown_to_file_system(result) && job->op == FILE_ZERO && !job->writes_zeroes) {
		job->writes_zeroes = true;
		return false;
	}
	job->error = (int)result;
	return true;
}
