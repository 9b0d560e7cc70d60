/* SPDX-License-Identifier: Apache-2.0 */
/* synthetic.c - memory images of which it is known what is equal */
/*
 * Usage: synthetic DIRECTORY IMAGES MIB [STRETCH]
 *
 * Writes DIRECTORY/synthetic-1.ram and so on. Half of each image's pages are zero (holes),
 * a quarter is in all images, and a quarter in this one alone. They alternate in stretches
 * of STRETCH pages (4: as guests have them; 1: each page is alone), and what is in all images lies
 * in another order in each. So of N images' pages, N - 1 times a quarter can be given back.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_BYTES   4096u
#define STRETCH_MAX  4u /* pages */
#define IMAGES_MAX   1000u
#define WORDS	     (PAGE_BYTES / sizeof(uint64_t))
#define GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)
#define MIB_PAGES    256u

/* splitmix64 (Steele, Lea, Flood 2014): any two seeds give different pages. */
static void page_fill(uint64_t *words, uint64_t seed)
{
	for (size_t i = 0; i < WORDS; i++) {
		uint64_t z = seed += GOLDEN_RATIO;

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		words[i] = z ^ z >> 31;
	}
}

static uint32_t stretch = STRETCH_MAX;

static void stretch_write(int fd, uint32_t page, uint32_t content, uint32_t image)
{
	static uint64_t words[STRETCH_MAX * WORDS];
	size_t length = (size_t)stretch * PAGE_BYTES;
	off_t offset = (off_t)page * PAGE_BYTES;

	/* no two pages have neighbouring seeds: sums of a page's words would overlap */
	for (uint32_t i = 0; i < stretch; i++)
		page_fill(words + i * WORDS,
			  ((uint64_t)image << 32 | (content + i)) * GOLDEN_RATIO * 77);
	if (pwrite(fd, words, length, offset) != (ssize_t)length)
		err(1, "cannot write an image");
}

/* What is in all images begins elsewhere in each, and wraps. */
static void image_write(int fd, uint32_t image, uint32_t pages)
{
	uint32_t group_pages = 4 * stretch, groups = pages / group_pages;

	for (uint32_t group = 0; group < groups; group++) {
		uint32_t first = group * group_pages;
		uint32_t shared = (group + image * 37) % groups * stretch;

		stretch_write(fd, first, shared, 0);
		stretch_write(fd, first + stretch, group * stretch, image);
	}
}

int main(int argc, char **argv)
{
	uint32_t images = argc == 4 || argc == 5 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	uint32_t mib = images > 0 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;

	if (argc == 5)
		stretch = (uint32_t)strtoul(argv[4], NULL, 10);
	if (stretch == 0 || stretch > STRETCH_MAX)
		errx(2, "a stretch has 1 to %u pages", STRETCH_MAX);
	if (images == 0 || images > IMAGES_MAX || mib == 0 || mib > UINT32_MAX / MIB_PAGES)
		errx(2, "usage: synthetic DIRECTORY IMAGES MIB [STRETCH]");
	for (uint32_t image = 1; image <= images; image++) {
		char path[4096];
		int fd;

		snprintf(path, sizeof(path), "%s/synthetic-%u.ram", argv[1], image);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, (off_t)mib << 20) < 0)
			err(1, "%s", path);
		image_write(fd, image, mib * MIB_PAGES);
		if (close(fd) < 0)
			err(1, "%s", path);
	}
	return 0;
}
