/* Errors, text and interning. */
#include "tm/array.h"
#include "tm/bytes.h"
#include "tm/intern.h"
#include "tm/text.h"
#include "unit.h"

/* ---- errors ---- */

static void an_error_tells_code_message_and_address(void **state)
{
	struct tm_error *err = tm_error_new(TM_ERR_CORRUPT, "%d of %s", 3, "them");
	assert_int_equal(tm_error_code(err), TM_ERR_CORRUPT);
	assert_string_equal(tm_error_message(err), "3 of them");
	assert_int_equal(tm_error_address(err), 0);
	tm_error_free(err);
	err = tm_error_fault(0xfedcba9876543210, "page %s", "gone");
	assert_int_equal(tm_error_code(err), TM_ERR_FAULT);
	assert_string_equal(tm_error_message(err), "page gone");
	assert_true(tm_error_address(err) == 0xfedcba9876543210);
	tm_error_free(err);
	err = tm_error_os(ENOENT, "%s", "/no/file");
	assert_int_equal(tm_error_code(err), TM_ERR_OS);
	assert_string_equal(tm_error_message(err), "/no/file: No such file or directory");
	tm_error_free(err);
	tm_error_free(NULL);
}

static void prefixes_grow_on_the_way_up(void **state)
{
	struct tm_error *err = tm_error_fault(0x7f10, "page not in core");
	err = tm_error_prefix(err, "bucket %d", 812);
	err = tm_error_prefix(err, "reading the %s table", "trace");
	assert_string_equal(tm_error_message(err), "reading the trace table: bucket 812: page not in core");
	assert_int_equal(tm_error_code(err), TM_ERR_FAULT);
	assert_int_equal(tm_error_address(err), 0x7f10);
	tm_error_free(err);
}

static void an_interruption_is_nothing_s_fault(void **state)
{
	struct tm_error *err = tm_error_new(TM_ERR_INTERRUPTED, "interrupted");
	err = tm_error_prefix(err, "the table of traces");
	assert_string_equal(tm_error_message(err), "interrupted");
	assert_int_equal(tm_error_code(err), TM_ERR_INTERRUPTED);
	tm_error_free(err);
}

static void a_file_goes_by_another_name(void **state)
{
	struct tm_error *err = tm_error_new(TM_ERR_CORRUPT, "%s", "/dev/fd/5 is empty");
	err = tm_error_rename(err, "/dev/fd/5", "a.gz (decompressed)");
	err = tm_error_rename(err, "/dev/fd/6", "b");
	assert_string_equal(tm_error_message(err), "a.gz (decompressed) is empty");
	assert_int_equal(tm_error_code(err), TM_ERR_CORRUPT);
	tm_error_free(err);
	assert_ptr_equal(tm_error_rename(tm_error_nomem(), "out", "in"), tm_error_nomem());
}

static void out_of_memory_is_one_error_that_needs_no_memory(void **state)
{
	struct tm_error *err = tm_error_nomem();
	assert_int_equal(tm_error_code(err), TM_ERR_NOMEM);
	assert_ptr_equal(tm_error_prefix(err, "never %s", "mind"), err);
	assert_string_equal(tm_error_message(err), "out of memory");
	tm_error_free(err);
	assert_string_equal(tm_error_message(tm_error_nomem()), "out of memory");
}

static void exit_statuses_are_as_designed(void **state)
{
	static const int wanted[][2] = { { TM_ERR_NOMEM, 1 }, { TM_ERR_OS, 1 }, { TM_ERR_FAULT, 1 }, { TM_ERR_CORRUPT, 1 }, { TM_ERR_UNSUPPORTED, 1 },
		{ TM_ERR_NOTFOUND, 1 }, { TM_ERR_INTERRUPTED, 1 }, { TM_ERR_USAGE, 2 }, { TM_ERR_NOTPYTHON, 3 }, { TM_ERR_NOTTRACING, 3 },
		{ TM_ERR_INCOMPLETE, 4 } };
	for (size_t i = 0; i < COUNT(wanted); i++)
		assert_int_equal(tm_error_status((enum tm_errcode)wanted[i][0]), wanted[i][1]);
}

/* ---- text ---- */

static void text_grows(void **state)
{
	struct tm_text t = { 0 };
	assert_string_equal(tm_text_str(&t), "");
	assert_null(tm_text_error(&t));
	tm_text_puts(&t, "a");
	tm_text_putc(&t, 'b');
	tm_text_put(&t, "c\0d", 3);
	tm_text_pad(&t, '-', 3);
	tm_text_printf(&t, "%d", 42);
	assert_int_equal(t.len, 10);
	assert_memory_equal(t.s, "abc\0d---42", 11);
	tm_text_clear(&t);
	assert_string_equal(t.s, "");
	for (int i = 0; i < 1000; i++)
		tm_text_printf(&t, "%0*d,", 300 + i % 3, i); /* longer than any buffer on the stack */
	assert_int_equal(t.len, 334 * 301 + 333 * 302 + 333 * 303);
	assert_int_equal(strlen(t.s), t.len);
	assert_memory_equal(t.s + 295, "00000,", 6);
	tm_text_free(&t);
	assert_null(t.s);
	tm_text_free(&t);
}

static void a_text_that_cannot_grow_remembers_it(void **state)
{
	struct tm_text t = { 0 };
	tm_text_puts(&t, "kept");
	tm_text_pad(&t, ' ', SIZE_MAX / 2);
	assert_true(t.failed);
	tm_text_puts(&t, "more");
	assert_string_equal(tm_text_str(&t), "kept");
	struct tm_error *err = tm_text_error(&t);
	assert_non_null(err);
	assert_int_equal(tm_error_code(err), TM_ERR_NOMEM);
	tm_error_free(err);
	tm_text_clear(&t);
	assert_null(tm_text_error(&t));
	tm_text_free(&t);
}

static void assert_escaped(const char *name, size_t len, const char *wanted)
{
	struct tm_text t = { 0 };
	tm_text_escape(&t, name, len);
	assert_string_equal(tm_text_str(&t), wanted);
	tm_text_free(&t);
}

static void control_characters_and_surrogates_are_escaped(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *wanted;
	} cases[] = { { "", 0, "" }, { "/srv/a.py", 9, "/srv/a.py" }, { "a\nb\rc\td", 7, "a\\nb\\rc\\td" }, { "\0", 1, "\\x00" },
		{ "\x01\x1f\x7f ", 4, "\\x01\\x1f\\x7f " }, { "\x1b[31m", 5, "\\x1b[31m" }, { "\xc2\x80\xc2\x85\xc2\x9f", 6, "\\x80\\x85\\x9f" },
		{ "\xc2\xa0\xc3\xa9", 4, "\xc2\xa0\xc3\xa9" }, { "\xed\xa0\x80", 3, "\\ud800" }, { "\xed\xbf\xbf", 3, "\\udfff" },
		{ "a\xed\xb2\x80z", 5, "a\\udc80z" }, { "\xed\x9f\xbf\xee\x80\x80", 6, "\xed\x9f\xbf\xee\x80\x80" },
		{ "\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80" }, { "\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf" }, { "back\\slash \"quote\"", 18, "back\\slash \"quote\"" } };
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_escaped(cases[i].name, cases[i].len, cases[i].wanted);
}

static void bytes_that_are_no_utf8_are_escaped_one_by_one(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *wanted;
	} cases[] = { { "\x80", 1, "\\x80" }, { "\xff\xfe", 2, "\\xff\\xfe" }, { "\xc3", 1, "\\xc3" }, { "\xc3z", 2, "\\xc3z" },
		{ "\xe2\x82", 2, "\\xe2\\x82" }, { "\xe2\x82z", 3, "\\xe2\\x82z" }, { "\xf0\x9f\x98", 3, "\\xf0\\x9f\\x98" },
		{ "\xc0\x80", 2, "\\xc0\\x80" }, { "\xc1\xbf", 2, "\\xc1\\xbf" }, { "\xe0\x80\x80", 3, "\\xe0\\x80\\x80" },
		{ "\xe0\x9f\xbf", 3, "\\xe0\\x9f\\xbf" }, { "\xf0\x8f\xbf\xbf", 4, "\\xf0\\x8f\\xbf\\xbf" }, { "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80" },
		{ "\xf5\x80\x80\x80", 4, "\\xf5\\x80\\x80\\x80" }, { "\xf8\x88\x80\x80\x80", 5, "\\xf8\\x88\\x80\\x80\\x80" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *exact = malloc(cases[i].len); /* so that a byte too far is seen */
		memcpy(exact, cases[i].name, cases[i].len);
		assert_escaped(exact, cases[i].len, cases[i].wanted);
		free(exact);
	}
}

static void every_code_point_survives_the_way_there_and_back(void **state)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char utf8[4];
		size_t n = tm_utf8_put(utf8, c);
		assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
		const char *p = utf8;
		assert_int_equal(tm_utf8_next(&p, utf8 + n), c);
		assert_ptr_equal(p, utf8 + n);
	}
}

static void random_bytes_are_read_to_their_end(void **state)
{
	uint64_t seed = 8;
	for (unsigned i = 0; i < 20000; i++) {
		char *bytes = malloc(12);
		for (unsigned k = 0; k < 12; k++)
			bytes[k] = (char)(unit_random(&seed) >> 32 | (k & 1 ? 0x80 : 0));
		const char *p = bytes, *end = bytes + 12;
		while (p < end) {
			const char *before = p;
			uint32_t c = tm_utf8_next(&p, end);
			assert_true(p > before && p <= end);
			char utf8[4];
			if (c & TM_BAD_BYTE)
				assert_true(p == before + 1 && (unsigned char)*before == (c & 0xff));
			else /* what was read is what would be written */
				assert_true(tm_utf8_put(utf8, c) == (size_t)(p - before) && !memcmp(utf8, before, (size_t)(p - before)));
		}
		struct tm_text t = { 0 };
		tm_text_escape(&t, bytes, 12);
		for (size_t k = 0; k < t.len; k++)
			assert_true((unsigned char)t.s[k] >= 0x20 && t.s[k] != 0x7f);
		tm_text_free(&t);
		free(bytes);
	}
}

/* ---- bytes ---- */

static void numbers_are_loaded_in_either_byte_order(void **state)
{
	static const uint8_t b[] = { 0xff, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08 };
	assert_int_equal(tm_load16(b + 1, false), 0x0201);
	assert_int_equal(tm_load16(b + 1, true), 0x0102);
	assert_int_equal(tm_load32(b + 1, false), 0x04030201);
	assert_int_equal(tm_load32(b + 1, true), 0x01020304);
	assert_true(tm_load64(b + 1, false) == 0x0807060504030201);
	assert_true(tm_load64(b + 1, true) == 0x0102030405060708);
	assert_int_equal(tm_load_word(b + 1, 4, true), 0x01020304);
	assert_true(tm_load_word(b + 1, 8, false) == 0x0807060504030201);
}

/* ---- arrays and interning ---- */

static void an_array_that_cannot_grow_is_unchanged(void **state)
{
	TM_ARRAY(uint64_t) a = { 0 };
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(tm_array_push(&a, i * i));
	assert_int_equal(a.n, 1000);
	assert_int_equal(a.items[999], 998001);
	uint64_t *before = a.items;
	assert_false(tm_array_reserve(&a, SIZE_MAX / 8 - 1000 + 1));
	assert_ptr_equal(a.items, before);
	assert_int_equal(a.n, 1000);
	tm_array_free(&a);
	assert_null(a.items);
}

static void equal_names_have_equal_numbers(void **state)
{
	struct tm_intern in = { 0 };
	char name[32];
	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < 20000; i++) {
			int n = snprintf(name, sizeof name, "file-%u.py", i);
			assert_int_equal(tm_intern(&in, name, (size_t)n), i);
		}
	assert_int_equal(in.n, 20000);
	assert_int_equal(tm_intern(&in, "", 0), 20000);
	assert_int_equal(tm_intern(&in, "\0", 1), 20001); /* not the empty name */
	assert_int_equal(tm_intern(&in, "file-0.py\0", 10), 20002);
	assert_int_equal(tm_intern(&in, "", 0), 20000);
	for (unsigned i = 0; i < 20000; i += 777) {
		snprintf(name, sizeof name, "file-%u.py", i);
		assert_string_equal(in.text.items + in.strings[i].offset, name);
		assert_int_equal(in.strings[i].len, strlen(name));
	}
	tm_intern_free(&in);
	assert_int_equal(in.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_tells_code_message_and_address),
		cmocka_unit_test(prefixes_grow_on_the_way_up),
		cmocka_unit_test(an_interruption_is_nothing_s_fault),
		cmocka_unit_test(a_file_goes_by_another_name),
		cmocka_unit_test(out_of_memory_is_one_error_that_needs_no_memory),
		cmocka_unit_test(exit_statuses_are_as_designed),
		cmocka_unit_test(text_grows),
		cmocka_unit_test(a_text_that_cannot_grow_remembers_it),
		cmocka_unit_test(control_characters_and_surrogates_are_escaped),
		cmocka_unit_test(bytes_that_are_no_utf8_are_escaped_one_by_one),
		cmocka_unit_test(every_code_point_survives_the_way_there_and_back),
		cmocka_unit_test(random_bytes_are_read_to_their_end),
		cmocka_unit_test(numbers_are_loaded_in_either_byte_order),
		cmocka_unit_test(an_array_that_cannot_grow_is_unchanged),
		cmocka_unit_test(equal_names_have_equal_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
