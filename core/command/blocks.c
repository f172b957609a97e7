/* Single blocks as cells. */
#include "blocks.h"

const struct tm_trace *tm_block(const struct tm_report *r, uint64_t row)
{
	return &r->snapshot->traces[((const struct tm_blocks *)r->data)->order[row]];
}

void tm_block_address(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	if (r->snapshot->about.has_addresses)
		*c = (struct tm_cell) { .kind = TM_CELL_ADDRESS, .number = tm_block(r, row)->address };
}

void tm_block_offset(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_COUNT,
		.number = ((const struct tm_blocks *)r->data)->addr - tm_block(r, row)->address };
}

void tm_block_size(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SIZE, .number = tm_block(r, row)->size };
}

void tm_block_domain(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = tm_block(r, row)->domain };
}

void tm_block_total_nframe(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	uint32_t n = r->snapshot->tracebacks[tm_block(r, row)->traceback].total_nframe;
	if (r->snapshot->about.has_total_nframe && n)
		*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = n };
}

void tm_block_frames(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const struct tm_traceback *tb = &r->snapshot->tracebacks[tm_block(r, row)->traceback];
	*c = (struct tm_cell) { .kind = TM_CELL_FRAMES, .frames = r->snapshot->frames + tb->first, .nframe = tb->nframe };
}
