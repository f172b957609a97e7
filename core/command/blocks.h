/* Inside command: columns of reports whose rows are single blocks. */
#ifndef TM_BLOCKS_H
#define TM_BLOCKS_H
#include "args.h"

/* What such a report's data points to, or begins with. */
struct tm_blocks {
	const uint64_t *order; /* row → number of the trace */
	uint64_t addr;	       /* what was asked for: offsets count from the block's beginning to here */
};

const struct tm_trace *tm_block(const struct tm_report *r, uint64_t row);
void tm_block_address(const struct tm_report *r, uint64_t row, struct tm_cell *c);
void tm_block_offset(const struct tm_report *r, uint64_t row, struct tm_cell *c);
void tm_block_size(const struct tm_report *r, uint64_t row, struct tm_cell *c);
void tm_block_domain(const struct tm_report *r, uint64_t row, struct tm_cell *c);
void tm_block_total_nframe(const struct tm_report *r, uint64_t row, struct tm_cell *c);
void tm_block_frames(const struct tm_report *r, uint64_t row, struct tm_cell *c);
#endif
