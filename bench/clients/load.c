/* The load that the C clients put on: which request runs next, and whether its
 * response was the right one. See common.h. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP_MS 300
#define FIRST_SAMPLE 10000

static struct {
  const struct options *options;
  const struct client *client;
  uv_loop_t *loop;
  uv_timer_t timer, ticks;
  struct slot *slots;
  long count;     /* slots */
  long unstarted; /* requests still to start; -1: no end but the clock's */
  long running;
  bool measuring;
  bool ended;
  long expected;    /* body length, -1 until the first response told */
  long requests;    /* verified inside the window */
  long next_sample; /* the count of requests at which to take one; or 0 */
  long errors;
  unsigned turn; /* of the requests, for those that are timed */
} load;

static size_t on_body(char *data, size_t size, size_t count, void *userp)
{
  struct slot *slot = userp;

  (void)data;
  slot->received += size * count;
  return size * count;
}

static size_t on_chunk(char *data, size_t size, size_t count, void *userp)
{
  struct slot *slot = userp;
  size_t length = size * count;

  if (length)
    slot->look ^= (unsigned char)(data[0] ^ data[length - 1]);
  slot->received += length;
  return length;
}

static bool file_write(int file, const char *data, size_t length)
{
  while (length) {
    ssize_t n = write(file, data, length);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    data += n;
    length -= (size_t)n;
  }
  return true;
}

/* 0: libcurl ends the transfer with an error. */
static size_t on_saved_chunk(char *data, size_t size, size_t count, void *userp)
{
  struct slot *slot = userp;
  size_t length = size * count;

  if (!file_write(slot->file, data, length))
    return 0;
  slot->received += length;
  return length;
}

static bool gathered_write(struct slot *slot)
{
  size_t length = slot->gathered;

  slot->gathered = 0;
  return file_write(slot->file, slot->gather, length);
}

static size_t on_gathered_chunk(char *data, size_t size, size_t count,
                                void *userp)
{
  struct slot *slot = userp;
  size_t length = size * count;

  for (size_t at = 0; at < length;) {
    size_t part = GATHER - slot->gathered;
    if (part > length - at)
      part = length - at;
    memcpy(slot->gather + slot->gathered, data + at, part);
    slot->gathered += part;
    at += part;
    if (slot->gathered == GATHER && !gathered_write(slot))
      return 0;
  }
  slot->received += length;
  return length;
}

/* The body of a numbered request is its number and a line feed, again and
 * again: a body that went to another request is noticed. */
static size_t on_numbered_body(char *data, size_t size, size_t count,
                               void *userp)
{
  struct slot *slot = userp;
  size_t length = size * count, period = strlen(slot->number);

  for (size_t i = 0; i < length; i++)
    if (data[i] != slot->number[(slot->received + i) % period])
      slot->wrong = true;
  slot->received += length;
  return length;
}

void slot_number(struct slot *slot, const struct options *options)
{
  char url[1024];
  const char *between = options->kind->distinct ? "?n=" : "";
  long number = *between ? kind_number() : atol(slot->number);
  int length =
      snprintf(url, sizeof(url), "%s%s%ld", options->url, between, number);

  require(length < (int)sizeof(url), "making a URL: too long");
  curl_easy_setopt(slot->easy, CURLOPT_URL, url);
}

void slot_prepare(struct slot *slot, const struct options *options)
{
  CURL *easy = slot->easy;

  curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                   options->save
                       ? options->gather ? on_gathered_chunk : on_saved_chunk
                   : options->stream   ? on_chunk
                   : options->numbered ? on_numbered_body
                                       : on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
  /* Without it libcurl changes the signal mask for every request. */
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  if (!options->bare) {
    /* What a careful client sends, and so what multisock sends. */
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "bench-in-c/0.10");
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, br, zstd");
  }
  if (options->buffer)
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, options->buffer);
  if (options->http2) {
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  }
  else
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  if (options->ca) {
    /* With a folder beside it libcurl would parse the file each time. */
    curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  }
  if (options->fresh) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  kind_prepare(slot, options->kind);
  if (options->insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

static void window_begin(void)
{
  load.measuring = true;
  tally_begin();
}

static void window_end(void)
{
  tally_end();
  load.measuring = false;
  load.ended = true;
  load.unstarted = 0;
  uv_stop(load.loop);
}

static void on_tick(uv_timer_t *timer)
{
  (void)timer;
  tally_tick();
}

static void on_timer(uv_timer_t *timer)
{
  if (load.measuring) {
    window_end();
    return;
  }
  window_begin();
  uv_timer_start(timer, on_timer, (uint64_t)(load.options->seconds * 1000), 0);
}

/* NULL when the response is the right one, else what is wrong with it. The
 * HTTP version is asked for at the first response of each slot and at those
 * that are timed. */
static const char *fault(struct slot *slot, CURLcode result)
{
  long status = 0, version = 0;

  if (result != CURLE_OK)
    return curl_easy_strerror(result);
  curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return "the status is not 200";
  if (load.expected < 0)
    load.expected = (long)slot->received;
  if ((long)slot->received != load.expected)
    return "the body has the wrong length";
  if (slot->wrong)
    return "the body is that of another request";
  const char *wrong = kind_look(slot, load.options->kind);
  if (wrong)
    return wrong;
  if (slot->gathered && !gathered_write(slot))
    return "the file is incomplete";
  if (slot->seen && !slot->started)
    return NULL;
  slot->seen = true;
  curl_easy_getinfo(slot->easy, CURLINFO_HTTP_VERSION, &version);
  if ((version == CURL_HTTP_VERSION_2_0) != load.options->http2)
    return "the HTTP version is not the one asked for";
  return NULL;
}

/* What a slot needs for its next request, whoever starts it. */
static void slot_begin(struct slot *slot)
{
  if (load.unstarted > 0)
    load.unstarted--;
  load.running++;
  slot->received = 0;
  slot->started = load.turn++ % SAMPLE ? 0 : uv_hrtime();
  if (!load.options->save)
    return;
  if (slot->file > 0)
    (void)close(slot->file); /* write() told of errors */
  slot->file = open(load.options->save, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  require(slot->file > 0, "opening the file to save to");
  if (!load.options->gather)
    return;
  if (!slot->gather)
    slot->gather = malloc(GATHER);
  require(slot->gather != NULL, "malloc");
  slot->gathered = 0;
}

static void request_count(struct slot *slot)
{
  load.requests++;
  if (slot->started)
    tally_latency((uv_hrtime() - slot->started) / 1000);
  if (load.requests != load.next_sample)
    return;
  tally_sample(load.requests);
  long part = load.options->requests / load.options->samples;
  load.next_sample = load.requests < part ? part : load.requests + part;
}

bool load_finished(struct slot *slot, CURLcode result)
{
  const char *wrong = fault(slot, result);

  load.running--;
  if (wrong) {
    if (!load.errors++)
      fprintf(stderr, "%s: %s\n", load.client->name, wrong);
  }
  else if (load.measuring)
    request_count(slot);
  if (load.unstarted) {
    slot_begin(slot);
    return true;
  }
  if (!load.running && load.measuring)
    window_end();
  return false;
}

static void slots_start(void)
{
  for (long i = 0; i < load.count && load.unstarted; i++) {
    struct slot *slot = &load.slots[i];

    (void)snprintf(slot->number, sizeof(slot->number), "%ld\n", i + 1);
    load.client->open(slot);
    slot_begin(slot);
    load.client->start(slot);
  }
}

static void slots_close(void)
{
  for (long i = 0; i < load.count; i++) {
    struct slot *slot = &load.slots[i];

    if (!slot->easy)
      continue;
    curl_multi_remove_handle(slot->multi, slot->easy);
    curl_easy_cleanup(slot->easy);
    curl_slist_free_all(slot->headers);
    curl_url_cleanup(slot->url);
    if (slot->file > 0)
      (void)close(slot->file); /* write() told of errors */
    free(slot->gather);
  }
  free(load.slots);
}

int load_run(const struct options *options, uv_loop_t *loop,
             const struct client *client)
{
  load.options = options;
  load.client = client;
  load.loop = loop;
  load.expected = options->length;
  load.next_sample = options->samples ? FIRST_SAMPLE : 0;
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
  require(uv_timer_init(loop, &load.ticks) == 0, "uv_timer_init");
  if (options->fresh)
    uv_timer_start(&load.ticks, on_tick, 1, 1);
  slots_start();
  uv_run(loop, UV_RUN_DEFAULT); /* until window_end() stops it */
  require(load.ended, "the run: the loop ended before its requests");
  tally_print(client->name, load.requests, load.errors);
  uv_close((uv_handle_t *)&load.timer, NULL);
  uv_close((uv_handle_t *)&load.ticks, NULL);
  slots_close();
  return load.errors ? 1 : 0;
}
