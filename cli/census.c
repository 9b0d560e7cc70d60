/* SPDX-License-Identifier: Apache-2.0 */
/* census.c - what each page of a guest is, and its bytes, asked from the command line */
#include "cli/census.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* More pages than a guest can have: 1 TiB. */
#define PAGES_MAX (UINT32_C(1) << 28)

static int file_create(int *ret_fd, struct fail *why)
{
	*ret_fd = memfd_create("samepage-explain", MFD_CLOEXEC);
	return *ret_fd < 0 ? fail_errno(why, errno, "cannot make a file in memory") : 0;
}

/* -EPROTO: there is less in the file. */
static int file_read(int fd, void *to, size_t length, off_t offset)
{
	uint8_t *bytes = to;

	while (length > 0) {
		ssize_t n = pread(fd, bytes, length, offset);

		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		bytes += n;
		offset += n;
		length -= (size_t)n;
	}
	return 0;
}

static int census_read(int fd, struct census *census)
{
	struct control_census head;
	int rc = file_read(fd, &head, sizeof(head), 0);

	if (rc == 0 && (head.pages == 0 || head.pages > PAGES_MAX))
		rc = -EPROTO;
	if (rc < 0)
		return rc;
	census->store = head.store;
	census->pages = (uint32_t)head.pages;
	census->entries = malloc(head.pages * sizeof(*census->entries));
	if (!census->entries)
		return -ENOMEM;
	rc = file_read(fd, census->entries, head.pages * sizeof(*census->entries), sizeof(head));
	for (uint32_t i = 0; rc == 0 && i < census->pages; i++)
		if (census_kind(census->entries[i]) >= CENSUS_KINDS)
			rc = -EPROTO;
	return rc;
}

int census_ask(struct client *client, struct census *ret_census, struct fail *why)
{
	struct census census = { 0 };
	AUTO_CLOSE int fd = -1;
	int rc = file_create(&fd, why);

	if (rc == 0)
		rc = client_request(client, CONTROL_CENSUS, fd, CLIENT_TIMEOUT_MS, why);
	if (rc < 0)
		return rc;
	rc = census_read(fd, &census);
	if (rc < 0) {
		census_done(&census);
		return fail_errno(why, -rc, "cannot read what guest '%s' says of its pages",
				  client->name);
	}
	memcpy(census.name, client->name, sizeof(census.name));
	*ret_census = census;
	return 0;
}

void census_done(struct census *census)
{
	free(census->entries);
	census->entries = NULL;
}

int page_reader_create(const char *name, struct page_reader **ret_reader, struct fail *why)
{
	struct page_reader *reader = malloc(sizeof(*reader));
	int rc;

	if (!reader)
		return fail_errno(why, ENOMEM, "cannot read pages of guest '%s'", name);
	reader->client = (struct client)CLIENT_NONE;
	reader->fd = -1;
	rc = client_connect(name, &reader->client, why);
	if (rc == 0)
		rc = file_create(&reader->fd, why);
	if (rc < 0) {
		page_reader_free(reader);
		return rc;
	}
	*ret_reader = reader;
	return 0;
}

void page_reader_free(struct page_reader *reader)
{
	if (!reader)
		return;
	client_close(&reader->client);
	auto_close(&reader->fd);
	free(reader);
}

int page_reader_read(struct page_reader *reader, const uint32_t *numbers, uint32_t count,
		     struct fail *why)
{
	struct control_request request = { .type = CONTROL_READ_PAGES, .number = count };
	size_t length = count * sizeof(*numbers);
	int rc = 0;

	if (pwrite(reader->fd, numbers, length, 0) != (ssize_t)length)
		return fail_errno(why, errno, "cannot write to a file in memory");
	rc = client_request_number(&reader->client, &request, reader->fd, CLIENT_TIMEOUT_MS, why);
	if (rc < 0)
		return rc;
	rc = file_read(reader->fd, reader->bytes, (size_t)count * PAGE_BYTES, (off_t)length);
	return rc < 0 ? fail_errno(why, -rc, "cannot read pages of guest '%s'", reader->client.name)
		      : 0;
}
