/*
 * Stands in for libFuzzer where there is none: changes the files of a folder at random and hands them over, without knowing
 * what they cover. Understands -max_total_time=SECONDS, -max_len=BYTES and a folder or files; with files it only runs those.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
	uint8_t *p;
	size_t n;
};

enum { MOST_SEEDS = 4096 };
static struct input seeds[MOST_SEEDS], current;
static size_t nseeds, max_len = 65536;
static uint64_t state = 1;

static uint64_t any(uint64_t below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return below ? (z ^ z >> 31) % below : 0;
}

static void add_seed(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct input *in = &seeds[nseeds];
	if (!f || nseeds == MOST_SEEDS)
		return;
	in->p = malloc(max_len);
	in->n = in->p ? fread(in->p, 1, max_len, f) : 0;
	nseeds++;
	fclose(f);
}

static void add_folder(const char *path)
{
	DIR *d = opendir(path);
	char file[4096];
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.') {
			snprintf(file, sizeof file, "%s/%s", path, e->d_name);
			add_seed(file);
		}
	if (d)
		closedir(d);
}

static void mutate(struct input *in)
{
	static const uint64_t numbers[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 40, 1ull << 63, UINT64_MAX };
	const struct input *other = &seeds[any(nseeds)];
	size_t at = any(in->n + 1), from = any(other->n + 1), n = any(1 + any(64)), left = in->n - at;
	switch (any(6)) {
	case 0:
		if (left)
			in->p[at] ^= (uint8_t)(1u << any(8));
		break;
	case 1:
		if (left)
			in->p[at] = (uint8_t)any(256);
		break;
	case 2: /* a number */
		n = (size_t)1 << any(4);
		if (n <= left)
			memcpy(in->p + at, &numbers[any(sizeof numbers / sizeof *numbers)], n);
		break;
	case 3: /* cut out */
		n = n < left ? n : left;
		memmove(in->p + at, in->p + at + n, left - n);
		in->n -= n;
		break;
	case 4: /* put in what another one has */
		n = n < other->n - from ? n : other->n - from;
		n = n < max_len - in->n ? n : max_len - in->n;
		memmove(in->p + at + n, in->p + at, left);
		memcpy(in->p + at, other->p + from, n);
		in->n += n;
		break;
	case 5: /* end as another one does */
		n = other->n - from;
		n = n < max_len - at ? n : max_len - at;
		memcpy(in->p + at, other->p + from, n);
		in->n = at + n;
		break;
	}
}

static void keep(void)
{
	FILE *f = fopen("crash-input", "wb");
	if (f) {
		fwrite(current.p, 1, current.n, f);
		fclose(f);
		fprintf(stderr, "the input is in crash-input\n");
	}
}

int main(int argc, char **argv)
{
	long seconds = 60;
	size_t nfiles = 0;
	unsigned long runs = 0;
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (sscanf(argv[i], "-max_total_time=%ld", &seconds) == 1 || sscanf(argv[i], "-max_len=%zu", &max_len) == 1 || argv[i][0] == '-')
			continue;
		if (!stat(argv[i], &st) && S_ISDIR(st.st_mode)) {
			add_folder(argv[i]);
		} else {
			add_seed(argv[i]);
			nfiles++;
		}
	}
	__sanitizer_set_death_callback(keep);
	for (size_t i = 0; i < nseeds; i++)
		LLVMFuzzerTestOneInput(seeds[i].p, seeds[i].n);
	current.p = malloc(max_len);
	time_t end = time(NULL) + seconds;
	for (; !nfiles && nseeds && current.p && time(NULL) < end; runs++) {
		const struct input *seed = &seeds[any(nseeds)];
		memcpy(current.p, seed->p, current.n = seed->n);
		for (uint64_t n = 1 + any(8); n; n--)
			mutate(&current);
		LLVMFuzzerTestOneInput(current.p, current.n);
	}
	printf("%lu runs of %zu seeds\n", runs, nseeds);
	return 0;
}
