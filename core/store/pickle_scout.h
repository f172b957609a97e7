/*
 * Inside store: several threads look for rows of blocks in a long file, ahead of the machine, and count them where they find them.
 * Who comes to the first byte of a row takes all of it. A row that nobody comes to, because its bytes were something else, has
 * been counted all the same: then nothing of all this can be used.
 */
#ifndef TM_PICKLE_SCOUT_H
#define TM_PICKLE_SCOUT_H
#include "pickle_packed.h"
#include "tm/error.h"

struct tm_row {
	const uint8_t *begin, *end;
	const uint64_t *keys; /* of the sums that begin in it */
	uint32_t nblocks, nkeys;
	unsigned scout; /* whose sums they are */
};

/* As above, in what was found. */
struct tm_found_row {
	uint32_t begin, bytes, nblocks, nkeys;
};

/* The rows that begin in one part of the file. */
struct tm_stretch {
	size_t made; /* its number + 1, atomic */
	bool failed; /* memory is short */
	unsigned scout;
	TM_ARRAY(struct tm_found_row) rows;
	TM_ARRAY(uint64_t) keys;
	size_t next_row, next_key;
};

struct tm_scouts {
	struct tm_block_form form;
	const uint8_t *begin; /* of the first stretch */
	size_t n;	      /* stretches */
	struct tm_packed_source *sources; /* a scout's each */
	/* their own */
	size_t claimed, current; /* atomic: stretches that a thread has taken on, and which one is being read */
	bool over;		 /* atomic */
	struct tm_stretch ring[16]; /* so far ahead and no further */
};

/* FORM's file from BEGIN on. SOURCES, one for each scout, must stay where they are. */
void tm_scouts_init(struct tm_scouts *s, const struct tm_block_form *form, const uint8_t *begin, struct tm_packed_source *sources);
/* The work of scout number WHO, from 1 on. */
void tm_scouts_run(struct tm_scouts *s, unsigned who);
/*
 * For the reader, who is scout number 0 while it has to wait. The next row; if it has no blocks: none begins before there, and who
 * is there asks again. RET is valid until then.
 */
struct tm_error *tm_scouts_next(struct tm_scouts *s, struct tm_row *ret);
/* No row is needed any more. */
void tm_scouts_end(struct tm_scouts *s);
void tm_scouts_deinit(struct tm_scouts *s);
#endif
