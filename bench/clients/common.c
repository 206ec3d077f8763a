/* See common.h. Used by book.c and best.c. */
#include "common.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define WARM_UP_MS 300
#define BUCKETS 2048

static struct {
  const struct options *options;
  const struct client *client;
  uv_loop_t *loop;
  uv_timer_t timer;
  struct slot *slots;
  long count;     /* slots */
  long unstarted; /* requests still to start; -1: no end but the clock's */
  long running;
  bool measuring;
  long expected; /* body length, -1 until the first response told */
  long requests; /* verified inside the window */
  long errors;
  uint64_t began, ended;
  struct rusage usage_began, usage_ended;
  uint32_t latency[BUCKETS];
} load;

void require(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

static void usage(const char *program) {
  fprintf(stderr,
          "usage: %s --url URL --connections C --seconds S\n"
          "       %s --url URL --connections C --requests N\n"
          "       %s --url URL --inflight M\n"
          "options: --insecure --http2 --length BYTES --shards N\n",
          program, program, program);
  exit(2);
}

static double number_read(const char *text, double least, const char *program) {
  char *end;
  double value = strtod(text, &end);

  if (end == text || *end || !(value >= least)) {
    fprintf(stderr, "%s: not a usable number: %s\n", program, text);
    usage(program);
  }
  return value;
}

void options_read(struct options *options, int argc, char **argv) {
  static const struct option names[] = {
      {"url", required_argument, NULL, 'u'},
      {"connections", required_argument, NULL, 'c'},
      {"seconds", required_argument, NULL, 's'},
      {"requests", required_argument, NULL, 'r'},
      {"inflight", required_argument, NULL, 'm'},
      {"length", required_argument, NULL, 'l'},
      {"shards", required_argument, NULL, 'n'},
      {"insecure", no_argument, NULL, 'k'},
      {"http2", no_argument, NULL, '2'},
      {NULL, 0, NULL, 0}};
  int name;

  *options = (struct options){.length = -1, .shards = 1};
  while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
    switch (name) {
      case 'u': options->url = optarg; break;
      case 'c': options->connections = number_read(optarg, 1, *argv); break;
      case 's': options->seconds = number_read(optarg, 0.001, *argv); break;
      case 'r': options->requests = number_read(optarg, 1, *argv); break;
      case 'm': options->inflight = number_read(optarg, 1, *argv); break;
      case 'l': options->length = number_read(optarg, 0, *argv); break;
      case 'n': options->shards = number_read(optarg, 1, *argv); break;
      case 'k': options->insecure = true; break;
      case '2': options->http2 = true; break;
      default: usage(*argv);
    }
  }
  bool closed_loop =
      options->connections && (options->seconds > 0) != (options->requests > 0);
  bool at_once = options->inflight && !options->connections &&
                 !options->requests && options->seconds == 0;
  if (optind != argc || !options->url || closed_loop == at_once) usage(*argv);
}

static size_t on_body(char *data, size_t size, size_t count, void *userp) {
  struct slot *slot = userp;

  (void)data;
  slot->received += size * count;
  return size * count;
}

void slot_prepare(struct slot *slot, const struct options *options) {
  CURL *easy = slot->easy;

  curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
  /* Without it libcurl changes the signal mask for every request. */
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  if (options->http2) {
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  } else
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  if (options->insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

/* Latencies go into buckets 3 % wide: 32 for each power of two of
 * microseconds. An array of all of them would show in the peak memory. */
static unsigned bucket_of(uint64_t us) {
  unsigned shift = 0;

  while (us >> shift >= 64) shift++;
  unsigned bucket = shift * 32 + (unsigned)(us >> shift);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double bucket_ms(unsigned bucket) {
  unsigned shift = bucket < 64 ? 0 : bucket / 32 - 1;
  uint64_t low = (uint64_t)(bucket - shift * 32) << shift;

  return ((double)low + (double)(1ull << shift) / 2) / 1000;
}

static double percentile_ms(double share) {
  uint64_t total = 0, seen = 0;

  for (unsigned i = 0; i < BUCKETS; i++) total += load.latency[i];
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += load.latency[i];
    if (seen && (double)seen >= share * (double)total) return bucket_ms(i);
  }
  return 0;
}

static void window_begin(void) {
  load.measuring = true;
  load.began = uv_hrtime();
  getrusage(RUSAGE_SELF, &load.usage_began);
}

static void window_end(void) {
  getrusage(RUSAGE_SELF, &load.usage_ended);
  load.ended = uv_hrtime();
  load.measuring = false;
  load.unstarted = 0;
  uv_stop(load.loop);
}

static void on_timer(uv_timer_t *timer) {
  if (load.measuring) {
    window_end();
    return;
  }
  window_begin();
  uv_timer_start(timer, on_timer, (uint64_t)(load.options->seconds * 1000), 0);
}

/* NULL when the response is the right one, else what is wrong with it. */
static const char *fault(struct slot *slot, CURLcode result) {
  long status = 0, version = 0;

  if (result != CURLE_OK) return curl_easy_strerror(result);
  curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return "the status is not 200";
  if (load.expected < 0) load.expected = (long)slot->received;
  if ((long)slot->received != load.expected)
    return "the body has the wrong length";
  curl_easy_getinfo(slot->easy, CURLINFO_HTTP_VERSION, &version);
  if ((version == CURL_HTTP_VERSION_2_0) != load.options->http2)
    return "the HTTP version is not the one asked for";
  return NULL;
}

bool load_finished(struct slot *slot, CURLcode result) {
  uint64_t now = uv_hrtime();
  const char *wrong = fault(slot, result);

  load.running--;
  if (wrong) {
    if (!load.errors++) fprintf(stderr, "%s: %s\n", load.client->name, wrong);
  } else if (load.measuring) {
    load.requests++;
    load.latency[bucket_of((now - slot->started) / 1000)]++;
  }
  slot->received = 0;
  slot->started = now;
  if (load.unstarted) {
    if (load.unstarted > 0) load.unstarted--;
    load.running++;
    return true;
  }
  if (!load.running && load.measuring) window_end();
  return false;
}

/* VmHWM, not ru_maxrss: that one starts with the memory of the process that
 * ran exec(), which is the Python of bench/run. */
static long peak_kb(void) {
  char line[256];
  long kb = 0;
  FILE *status = fopen("/proc/self/status", "r");

  require(status != NULL, "opening /proc/self/status");
  while (fgets(line, sizeof(line), status))
    if (sscanf(line, "VmHWM: %ld", &kb) == 1) break;
  (void)fclose(status); /* it was only read */
  return kb;
}

static double microseconds(struct timeval from, struct timeval to) {
  return (double)(to.tv_sec - from.tv_sec) * 1e6 +
         (double)(to.tv_usec - from.tv_usec);
}

static void report(void) {
  double seconds = (double)(load.ended - load.began) / 1e9;
  double user =
      microseconds(load.usage_began.ru_utime, load.usage_ended.ru_utime);
  double cpu =
      user + microseconds(load.usage_began.ru_stime, load.usage_ended.ru_stime);
  double each = load.requests ? (double)load.requests : 1;

  printf("{\"client\": \"%s\", \"requests\": %ld, \"errors\": %ld, "
         "\"seconds\": %.4f, \"rate\": %.1f, \"cpu_us_per_request\": %.2f, "
         "\"user_us_per_request\": %.2f, \"max_rss_kb\": %ld, "
         "\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
         load.client->name, load.requests, load.errors, seconds,
         (double)load.requests / seconds, cpu / each, user / each, peak_kb(),
         percentile_ms(0.50), percentile_ms(0.99));
}

static void slots_start(void) {
  for (long i = 0; i < load.count && load.unstarted; i++) {
    struct slot *slot = &load.slots[i];

    load.client->open(slot);
    slot->started = uv_hrtime();
    if (load.unstarted > 0) load.unstarted--;
    load.running++;
    load.client->start(slot);
  }
}

static void slots_close(void) {
  for (long i = 0; i < load.count; i++) {
    if (!load.slots[i].easy) continue;
    curl_multi_remove_handle(load.slots[i].multi, load.slots[i].easy);
    curl_easy_cleanup(load.slots[i].easy);
  }
  free(load.slots);
}

int load_run(const struct options *options, uv_loop_t *loop,
             const struct client *client) {
  load.options = options;
  load.client = client;
  load.loop = loop;
  load.expected = options->length;
  load.count = options->inflight ? options->inflight : options->connections;
  load.unstarted = options->inflight   ? options->inflight
                   : options->requests ? options->requests
                                       : -1;
  load.slots = calloc((size_t)load.count, sizeof(*load.slots));
  require(load.slots != NULL, "calloc");
  (void)signal(SIGPIPE, SIG_IGN); /* cannot fail with these arguments */
  require(uv_timer_init(loop, &load.timer) == 0, "uv_timer_init");
  if (options->seconds > 0)
    uv_timer_start(&load.timer, on_timer, WARM_UP_MS, 0);
  else
    window_begin();
  slots_start();
  uv_run(loop, UV_RUN_DEFAULT); /* until window_end() stops it */
  require(load.ended != 0, "the run: the loop ended before its requests");
  report();
  uv_close((uv_handle_t *)&load.timer, NULL);
  slots_close();
  return load.errors ? 1 : 0;
}
