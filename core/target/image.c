/* A target made of bytes in this process. */
#include "common.h"

struct tm_error *tm_target_open_image(unsigned word, bool big, struct tm_target **ret)
{
	struct tm_error *err =
		tm_target_new(TM_KIND_IMAGE, "image", word, big, NULL, (struct tm_poll) { 0 }, ret);
	if (!err)
		(*ret)->stopped = true;
	return err;
}
