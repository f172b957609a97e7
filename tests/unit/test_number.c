/* Numbers as tracemalloc writes them. All that is expected was printed by CPython 3.13. */
#include "tm/number.h"
#include "unit.h"
#include <locale.h>
#include <math.h>

/* Valgrind computes long doubles with 53 bits, so that a tie is not told from its neighbours there. */
static bool long_doubles_are_long(void)
{
	volatile long double one = 1, tiny = 0x1p-60L;
	return one + tiny != one;
}

static void assert_size(double size, bool sign, const char *wanted)
{
	struct tm_text t = { 0 };
	tm_text_size(&t, size, sign);
	assert_string_equal(tm_text_str(&t), wanted);
	tm_text_free(&t);
}

struct size {
	uint64_t high, low;
	const char *plain, *sign;
};

static void sizes_are_written_as_tracemalloc_writes_them(void **state)
{
	/* _format_size(n, False), _format_size(n, True) */
	static const struct size sizes[] = {
		{ 0x0ull, 0x0ull, "0 B", "+0 B" },
		{ 0x0ull, 0x1ull, "1 B", "+1 B" },
		{ 0x0ull, 0x9ull, "9 B", "+9 B" },
		{ 0x0ull, 0x63ull, "99 B", "+99 B" },
		{ 0x0ull, 0x64ull, "100 B", "+100 B" },
		{ 0x0ull, 0x3ffull, "1023 B", "+1023 B" },
		{ 0x0ull, 0x400ull, "1024 B", "+1024 B" },
		{ 0x0ull, 0x27ffull, "10239 B", "+10239 B" },
		{ 0x0ull, 0x2800ull, "10.0 KiB", "+10.0 KiB" },
		{ 0x0ull, 0x2801ull, "10.0 KiB", "+10.0 KiB" },
		{ 0x0ull, 0x18fffull, "100.0 KiB", "+100.0 KiB" },
		{ 0x0ull, 0x19000ull, "100 KiB", "+100 KiB" },
		{ 0x0ull, 0x2a00ull, "10.5 KiB", "+10.5 KiB" },
		{ 0x0ull, 0x2c00ull, "11.0 KiB", "+11.0 KiB" },
		{ 0x0ull, 0x2c33ull, "11.0 KiB", "+11.0 KiB" },
		{ 0x0ull, 0xfffffull, "1024 KiB", "+1024 KiB" },
		{ 0x0ull, 0x100000ull, "1024 KiB", "+1024 KiB" },
		{ 0x0ull, 0x9fffffull, "10240 KiB", "+10240 KiB" },
		{ 0x0ull, 0xa00000ull, "10.0 MiB", "+10.0 MiB" },
		{ 0x0ull, 0x63fffffull, "100.0 MiB", "+100.0 MiB" },
		{ 0x0ull, 0x6400000ull, "100 MiB", "+100 MiB" },
		{ 0x0ull, 0x6400001ull, "100 MiB", "+100 MiB" },
		{ 0x0ull, 0x3fffffffull, "1024 MiB", "+1024 MiB" },
		{ 0x0ull, 0x40000000ull, "1024 MiB", "+1024 MiB" },
		{ 0x0ull, 0x27fffffffull, "10240 MiB", "+10240 MiB" },
		{ 0x0ull, 0x280000000ull, "10.0 GiB", "+10.0 GiB" },
		{ 0x0ull, 0x1900000000ull, "100 GiB", "+100 GiB" },
		{ 0x0ull, 0x9ffffffffffull, "10240 GiB", "+10240 GiB" },
		{ 0x0ull, 0xa0000000000ull, "10.0 TiB", "+10.0 TiB" },
		{ 0x0ull, 0x63ffffffffffull, "100.0 TiB", "+100.0 TiB" },
		{ 0x0ull, 0x640000000000ull, "100 TiB", "+100 TiB" },
		{ 0x0ull, 0x20000000000000ull, "8192 TiB", "+8192 TiB" },
		{ 0x0ull, 0x20000000000001ull, "8192 TiB", "+8192 TiB" },
		{ 0x0ull, 0x1000000000000000ull, "1048576 TiB", "+1048576 TiB" },
		{ 0x0ull, 0x8000000000000000ull, "8388608 TiB", "+8388608 TiB" },
		{ 0x0ull, 0xffffffffffffffffull, "16777216 TiB", "+16777216 TiB" },
		{ 0x1ull, 0x0ull, "16777216 TiB", "+16777216 TiB" },
		{ 0x40ull, 0x3039ull, "1073741824 TiB", "+1073741824 TiB" },
		{ 0x4000000ull, 0x0ull, "1125899906842624 TiB", "+1125899906842624 TiB" },
		{ 0x1000000000ull, 0x7ull, "1152921504606846976 TiB", "+1152921504606846976 TiB" },
		{ 0x7fffffffffffffffull, 0xffffffffffffffffull, "154742504910672534362390528 TiB", "+154742504910672534362390528 TiB" },
		{ 0xffffffffffffffffull, 0xffffffffffffffffull, "309485009821345068724781056 TiB", "+309485009821345068724781056 TiB" },
		{ 0x0ull, 0xc833ull, "50.0 KiB", "+50.0 KiB" },
		{ 0x0ull, 0x2833ull, "10.0 KiB", "+10.0 KiB" },
		{ 0x0ull, 0x2866ull, "10.1 KiB", "+10.1 KiB" },
		{ 0x0ull, 0xd200ull, "52.5 KiB", "+52.5 KiB" },
		{ 0x0ull, 0x18633ull, "97.5 KiB", "+97.5 KiB" },
	};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		tm_u128 n = (tm_u128)sizes[i].high << 64 | sizes[i].low;
		assert_size(tm_divide(n, 1), false, sizes[i].plain);
		assert_size(tm_divide(n, 1), true, sizes[i].sign);
	}
}

static void negative_sizes_are_written_as_tracemalloc_writes_them(void **state)
{
	static const struct size sizes[] = {
		{ 0x0ull, 0x1ull, "-1 B", "-1 B" },
		{ 0x0ull, 0x3ffull, "-1023 B", "-1023 B" },
		{ 0x0ull, 0x2800ull, "-10.0 KiB", "-10.0 KiB" },
		{ 0x0ull, 0xc833ull, "-50.0 KiB", "-50.0 KiB" },
		{ 0x0ull, 0x10000000000ull, "-1024 GiB", "-1024 GiB" },
		{ 0x0ull, 0x8000000000000000ull, "-8388608 TiB", "-8388608 TiB" },
		{ 0x7fffffffffffffffull, 0xffffffffffffffffull, "-154742504910672534362390528 TiB", "-154742504910672534362390528 TiB" },
	};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		tm_u128 n = (tm_u128)sizes[i].high << 64 | sizes[i].low;
		assert_size(-tm_divide(n, 1), false, sizes[i].plain);
		assert_size(-tm_divide(n, 1), true, sizes[i].sign);
	}
}

static void halves_are_rounded_to_even_as_printf_does(void **state)
{
	static const struct {
		double size;
		const char *plain, *sign;
	} sizes[] = {
		{ 0x1.0000000000000p-1, "0 B", "+0 B" },
		{ 0x1.8000000000000p+0, "2 B", "+2 B" },
		{ 0x1.4000000000000p+1, "2 B", "+2 B" },
		{ 0x1.fffffffffffffp-2, "0 B", "+0 B" },
		{ 0x1.8e00000000000p+6, "100 B", "+100 B" },
		{ 0x1.9200000000000p+6, "100 B", "+100 B" },
		{ 0x1.ffc0000000000p+9, "1024 B", "+1024 B" },
		{ 0x1.3ffc000000000p+13, "10240 B", "+10240 B" },
		{ 0x1.4004000000000p+13, "10.0 KiB", "+10.0 KiB" },
		{ 0x1.4000000000000p+13, "10.0 KiB", "+10.0 KiB" },
		{ 0x1.6000000000000p+13, "11.0 KiB", "+11.0 KiB" },
		{ 0x1.619999999999ap+13, "11.1 KiB", "+11.1 KiB" },
		{ 0x1.419999999999ap+13, "10.1 KiB", "+10.1 KiB" },
		{ 0x1.8800000000000p+13, "12.2 KiB", "+12.2 KiB" },
		{ 0x1.8b33333333333p+13, "12.3 KiB", "+12.3 KiB" },
		{ 0x1.9800000000000p+13, "12.8 KiB", "+12.8 KiB" },
		{ 0x1.8fccccccccccdp+16, "100.0 KiB", "+100.0 KiB" },
		{ 0x1.8fccca2db61bbp+16, "99.9 KiB", "+99.9 KiB" },
		{ 0x1.9000000000000p+16, "100 KiB", "+100 KiB" },
		{ 0x1.8800000000000p+23, "12.2 MiB", "+12.2 MiB" },
		{ 0x1.9133333333333p+35, "50.1 GiB", "+50.1 GiB" },
		{ 0x1.7f55555555555p+8, "383 B", "+383 B" },
		{ -0x0.0p+0, "-0 B", "-0 B" },
		{ -0x1.0000000000000p-1, "-0 B", "-0 B" },
		{ -0x1.8000000000000p+0, "-2 B", "-2 B" },
		{ 0x1.999999999999ap-4, "0 B", "+0 B" },
		{ 0x1.93e5939a08ceap+99, "909494701772928256 TiB", "+909494701772928256 TiB" },
	};
	if (!long_doubles_are_long())
		skip();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		assert_size(sizes[i].size, false, sizes[i].plain);
		assert_size(sizes[i].size, true, sizes[i].sign);
	}
}

/* One decimal, for a hundred thousand doubles of every magnitude: what printf says in the C locale. */
static void one_decimal_is_what_printf_gives(void **state)
{
	uint64_t seed = 1;
	char wanted[400];
	struct tm_text t = { 0 };
	if (!long_doubles_are_long())
		skip();
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t r = unit_random(&seed);
		/* n/20 + k ulp lies on or near a tie */
		double v = i & 1 ? (double)(r % 200000) / 20 : ldexp((double)(r >> 11), (int)(r % 120) - 80);
		if (i & 2)
			v = nextafter(v, i & 4 ? 0 : INFINITY);
		if (i & 8)
			v = -v;
		if (fabs(v) >= 1e14)
			continue;
		snprintf(wanted, sizeof wanted, "%.1f", v);
		tm_text_clear(&t);
		tm_text_fixed1(&t, v);
		assert_string_equal(tm_text_str(&t), wanted);
	}
	tm_text_free(&t);
}

static void division_is_pythons(void **state)
{
	static const struct {
		uint64_t high, low, den;
		double wanted; /* (num / den).hex() */
	} divisions[] = {
		{ 0x0ull, 0x0ull, 0x3ull, 0x0.0p+0 },
		{ 0x0ull, 0x1ull, 0x3ull, 0x1.5555555555555p-2 },
		{ 0x0ull, 0x2ull, 0x3ull, 0x1.5555555555555p-1 },
		{ 0x0ull, 0x47eull, 0x3ull, 0x1.7f55555555555p+8 },
		{ 0x0ull, 0xaull, 0x4ull, 0x1.4000000000000p+1 },
		{ 0x0ull, 0x20000000000001ull, 0x1ull, 0x1.0000000000000p+53 },
		{ 0x0ull, 0x20000000000003ull, 0x1ull, 0x1.0000000000002p+53 },
		{ 0x0ull, 0x40000000000002ull, 0x1ull, 0x1.0000000000000p+54 },
		{ 0x0ull, 0x40000000000003ull, 0x1ull, 0x1.0000000000001p+54 },
		{ 0x0ull, 0x40000000000006ull, 0x1ull, 0x1.0000000000002p+54 },
		{ 0x0ull, 0xffffffffffffffffull, 0x1ull, 0x1.0000000000000p+64 },
		{ 0x0ull, 0xffffffffffffffffull, 0x3ull, 0x1.5555555555555p+62 },
		{ 0xffffffffffffffffull, 0xffffffffffffffffull, 0x1ull, 0x1.0000000000000p+128 },
		{ 0xffffffffffffffffull, 0xffffffffffffffffull, 0xffffffffffffffffull, 0x1.0000000000000p+64 },
		{ 0x1ull, 0x1ull, 0x800ull, 0x1.0000000000000p+53 },
		{ 0x0ull, 0x1ull, 0xffffffffffffffffull, 0x1.0000000000000p-64 },
		{ 0x0ull, 0x20000000000001ull, 0x20000000000001ull, 0x1.0000000000000p+0 },
		{ 0x0ull, 0x1fffffffffffffull, 0x20000000000000ull, 0x1.fffffffffffffp-1 },
		{ 0x1000000000ull, 0x1ull, 0x7ull, 0x1.2492492492492p+97 },
		{ 0x0ull, 0x60000000000003ull, 0x3ull, 0x1.0000000000000p+53 },
		{ 0x0ull, 0x5000000000000001ull, 0x5ull, 0x1.0000000000000p+60 },
		{ 0x5bc8fbbcbde5c099ull, 0x4164d8399f767c45ull, 0xd76d4330f1446beaull, 0x1.b4497e636efdep+62 },
		{ 0x87b0b125ec1d7da0ull, 0xa6eb8c9ebd69fe29ull, 0x6ull, 0x1.69d72dba75a40p+124 },
		{ 0x3fc1ea36f17fd374ull, 0xc6a5387777330bdbull, 0xe6a16a3b0d464138ull, 0x1.1b1555ac41382p+62 },
		{ 0x7814e8a25f2dd97full, 0x1cfb10f62827688dull, 0x3ull, 0x1.4037c1b0fdcfap+125 },
		{ 0x3fd4235992edcf45ull, 0x1a1afe878b33e968ull, 0x5ull, 0x1.9880e23d45f20p+123 },
		{ 0x2e9c82b1478c281dull, 0x687c966c377b9aa2ull, 0xc328dbd25eull, 0x1.e923777296708p+85 },
		{ 0x9e30691c238642eaull, 0x126a1e48cc11d357ull, 0x206f5c6671e0c07eull, 0x1.382294f8d6939p+66 },
		{ 0xdf1461aaf8eb18b9ull, 0x74513021da8978ull, 0x1ull, 0x1.be28c355f1d63p+127 },
		{ 0xfb7ff337f5cae3bfull, 0x3729c619c60a3cabull, 0x6ull, 0x1.4f55444a9d0e8p+125 },
		{ 0xf6236bf2504b74baull, 0x4a0fe75d2a9eba0cull, 0x4ull, 0x1.ec46d7e4a096fp+125 },
		{ 0x346c6e2ba02fdaa1ull, 0xad864c44e049548eull, 0x7ull, 0x1.df4d13d801b58p+122 },
		{ 0xf770c2263266aa3bull, 0xb0cde917f7f35634ull, 0x54c7d6df0ull, 0x1.7594955f8e180p+93 },
	};
	for (size_t i = 0; i < COUNT(divisions); i++) {
		double got = tm_divide((tm_u128)divisions[i].high << 64 | divisions[i].low, divisions[i].den);
		if (got != divisions[i].wanted)
			print_error("division %zu: %a, not %a\n", i, got, divisions[i].wanted);
		assert_true(got == divisions[i].wanted);
	}
	assert_true(tm_divide(5, 0) == 0); /* Python raises; here no row has a count of 0 and a size */
}

static void whole_numbers_of_128_bits_are_written_exactly(void **state)
{
	static const struct {
		uint64_t high, low;
		const char *wanted;
	} numbers[] = { { 0, 0, "0" }, { 0, 9, "9" }, { 0, 10, "10" }, { 0, UINT64_MAX, "18446744073709551615" }, { 1, 0, "18446744073709551616" },
		{ UINT64_MAX, UINT64_MAX, "340282366920938463463374607431768211455" } };
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct tm_text t = { 0 };
		tm_text_u128(&t, (tm_u128)numbers[i].high << 64 | numbers[i].low);
		assert_string_equal(tm_text_str(&t), numbers[i].wanted);
		tm_text_free(&t);
	}
	struct tm_text t = { 0 };
	tm_i128 least = (tm_i128)((tm_u128)1 << 127);
	tm_text_i128(&t, 0);
	tm_text_putc(&t, ' ');
	tm_text_i128(&t, -1);
	tm_text_putc(&t, ' ');
	tm_text_i128(&t, least);
	tm_text_putc(&t, ' ');
	tm_text_i128(&t, ~least);
	assert_string_equal(t.s, "0 -1 -170141183460469231731687303715884105728 170141183460469231731687303715884105727");
	tm_text_free(&t);
}

/* A locale with a decimal comma: an installed one, or one made for this test where its sources are. */
static bool set_comma_locale(const char *folder)
{
	static const char *const installed[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "da_DK.UTF-8", "de_DE" };
	for (size_t i = 0; i < COUNT(installed); i++)
		if (setlocale(LC_ALL, installed[i]))
			return true;
	char command[600];
	snprintf(command, sizeof command, "localedef -i de_DE -f ISO-8859-1 '%s/de_DE.ISO-8859-1' >'%s/log' 2>&1", folder, folder);
	if (system(command) == -1)
		return false;
	setenv("LOCPATH", folder, 1);
	bool set = setlocale(LC_ALL, "de_DE.ISO-8859-1") != NULL;
	unsetenv("LOCPATH");
	return set;
}

static void numbers_do_not_pass_through_the_locale(void **state)
{
	char *folder = unit_folder(), command[600], comma[16];
	bool set = set_comma_locale(folder);
	snprintf(comma, sizeof comma, "%.1f", 0.5);
	struct tm_text t = { 0 };
	tm_text_size(&t, 11500, false);
	tm_text_putc(&t, ' ');
	tm_text_fixed1(&t, 1234567.25);
	tm_text_putc(&t, ' ');
	tm_text_size(&t, 1e20, false);
	setlocale(LC_ALL, "C");
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	assert_int_equal(system(command), 0);
	free(folder);
	bool right = strcmp(t.s, "11.2 KiB 1234567.2 90949470 TiB") == 0;
	tm_text_free(&t);
	if (!set) {
		print_message("no locale with a decimal comma is installed here\n");
		skip();
	}
	assert_string_equal(comma, "0,5");
	assert_true(right);
}

static void numbers_are_parsed_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *text;
		uint64_t wanted;
	} right[] = { { "0", 0 }, { "7", 7 }, { "007", 7 }, { "18446744073709551615", UINT64_MAX }, { "0x0", 0 }, { "0xff", 255 }, { "0XfF", 255 },
		{ "0x7f52a4c0", 0x7f52a4c0 }, { "0xffffffffffffffff", UINT64_MAX }, { "0x0000000000000000000001", 1 } };
	static const char *const wrong[] = { "", "-1", "+1", " 1", "1 ", "1.0", "1e3", "ten", "0x", "0X", "x10", "0xg", "0x 1", "f", "18446744073709551616",
		"99999999999999999999", "0x10000000000000000", "1_000", "1,000", "\xb2", "\x11", "0x@", "0x`", "0b1", "--", "1\n" };
	uint64_t v;
	for (size_t i = 0; i < COUNT(right); i++) {
		assert_true(tm_parse_u64(right[i].text, &v));
		assert_true(v == right[i].wanted);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		v = 42;
		if (tm_parse_u64(wrong[i], &v))
			print_error("'%s' was taken for a number\n", wrong[i]);
		assert_false(tm_parse_u64(wrong[i], &v));
		assert_int_equal(v, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_written_as_tracemalloc_writes_them),
		cmocka_unit_test(negative_sizes_are_written_as_tracemalloc_writes_them),
		cmocka_unit_test(halves_are_rounded_to_even_as_printf_does),
		cmocka_unit_test(one_decimal_is_what_printf_gives),
		cmocka_unit_test(division_is_pythons),
		cmocka_unit_test(whole_numbers_of_128_bits_are_written_exactly),
		cmocka_unit_test(numbers_do_not_pass_through_the_locale),
		cmocka_unit_test(numbers_are_parsed_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
