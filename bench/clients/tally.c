/* The measured window: time, CPU, memory, latencies, and the line of JSON that
 * says so. See common.h. */
#include "common.h"

#include <stdio.h>
#include <sys/resource.h>

#define BUCKETS 2048
#define SAMPLES_MAX 100

struct usage {
  double user_us, cpu_us;
};

static struct {
  uint64_t began, ended;
  struct usage usage_began, usage_ended;
  uint32_t latency[BUCKETS];
  struct {
    long requests, rss_kb;
    double cpu_us;
  } samples[SAMPLES_MAX];
  int sample_count;
  uint64_t ticked, longest; /* of tally_tick() */
} tally;

static double microseconds(struct timeval time)
{
  return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static struct usage usage_now(void)
{
  struct rusage usage;

  require(!getrusage(RUSAGE_SELF, &usage), "getrusage");
  double user = microseconds(usage.ru_utime);
  return (struct usage){ user, user + microseconds(usage.ru_stime) };
}

/* A line of /proc/self/status. VmHWM, not ru_maxrss: that one starts with the
 * memory of the process that ran exec(), which is the Python of bench/run. */
static long status_kb(const char *format)
{
  char line[256];
  long kb = 0;
  FILE *status = fopen("/proc/self/status", "r");

  require(status != NULL, "opening /proc/self/status");
  while (fgets(line, sizeof(line), status))
    if (sscanf(line, format, &kb) == 1)
      break;
  (void)fclose(status); /* it was only read */
  return kb;
}

void tally_begin(void)
{
  tally.began = uv_hrtime();
  tally.usage_began = usage_now();
}

void tally_end(void)
{
  tally.usage_ended = usage_now();
  tally.ended = uv_hrtime();
}

void tally_sample(long requests)
{
  if (tally.sample_count == SAMPLES_MAX)
    return;
  int i = tally.sample_count++;

  tally.samples[i].requests = requests;
  tally.samples[i].rss_kb = status_kb("VmRSS: %ld");
  tally.samples[i].cpu_us = usage_now().cpu_us - tally.usage_began.cpu_us;
}

/* Latencies go into buckets 3 % wide: 32 for each power of two of
 * microseconds. An array of all of them would show in the peak memory. */
static unsigned bucket_of(uint64_t us)
{
  unsigned shift = 0;

  while (us >> shift >= 64)
    shift++;
  unsigned bucket = shift * 32 + (unsigned)(us >> shift);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double bucket_ms(unsigned bucket)
{
  unsigned shift = bucket < 64 ? 0 : bucket / 32 - 1;
  uint64_t low = (uint64_t)(bucket - shift * 32) << shift;

  return ((double)low + (double)(1ull << shift) / 2) / 1000;
}

void tally_latency(uint64_t us)
{
  tally.latency[bucket_of(us)]++;
}

static double percentile_ms(double share)
{
  uint64_t total = 0, seen = 0;

  for (unsigned i = 0; i < BUCKETS; i++)
    total += tally.latency[i];
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += tally.latency[i];
    if (seen && (double)seen >= share * (double)total)
      return bucket_ms(i);
  }
  return 0;
}

void tally_tick(void)
{
  uint64_t now = uv_hrtime();

  if (tally.ticked && now - tally.ticked > tally.longest)
    tally.longest = now - tally.ticked;
  tally.ticked = now;
}

static void samples_print(void)
{
  printf(", \"samples\": [");
  for (int i = 0; i < tally.sample_count; i++)
    printf("%s{\"requests\": %ld, \"cpu_us\": %.0f, \"rss_kb\": %ld}",
           i ? ", " : "", tally.samples[i].requests, tally.samples[i].cpu_us,
           tally.samples[i].rss_kb);
  printf("]");
}

void tally_print(const char *client, long requests, long errors)
{
  double seconds = (double)(tally.ended - tally.began) / 1e9;
  double user = tally.usage_ended.user_us - tally.usage_began.user_us;
  double cpu = tally.usage_ended.cpu_us - tally.usage_began.cpu_us;
  double each = requests ? (double)requests : 1;

  printf("{\"client\": \"%s\", \"requests\": %ld, \"errors\": %ld, "
         "\"seconds\": %.4f, \"rate\": %.1f, \"cpu_us_per_request\": %.2f, "
         "\"user_us_per_request\": %.2f, \"max_rss_kb\": %ld, "
         "\"p50_ms\": %.3f, \"p99_ms\": %.3f",
         client, requests, errors, seconds, (double)requests / seconds,
         cpu / each, user / each, status_kb("VmHWM: %ld"), percentile_ms(0.50),
         percentile_ms(0.99));
  if (tally.sample_count)
    samples_print();
  if (tally.longest)
    printf(", \"longest_ms\": %.1f", (double)tally.longest / 1e6);
  printf("}\n");
}
