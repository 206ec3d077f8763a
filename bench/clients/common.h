/* What the C clients share: the command line, one request's options, the
 * load (who runs next, what counts) and the one line of JSON they print.
 * book.c and best.c differ only in how they drive libcurl on libuv. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct options {
  const char *url;
  long connections; /* closed loop: this many requests are always running */
  double seconds;   /* length of the measured window of the closed loop */
  long requests;    /* instead of seconds: exactly this many, no warm-up */
  long inflight;    /* instead of both: this many at once, one time */
  long length;      /* body length to expect; -1: the first one's */
  long shards;      /* multi handles on the one loop (best.c) */
  bool insecure;
  bool http2;
};

/* One of the requests that run at once; its easy handle serves one request
 * after the other. */
struct slot {
  CURL *easy;
  CURLM *multi;
  size_t received;
  uint64_t started;
};

struct client {
  const char *name;
  void (*open)(struct slot *slot);  /* sets slot->easy and slot->multi */
  void (*start)(struct slot *slot); /* adds the next request to the multi */
};

/* Reads the command line; ends the process when it makes no sense. */
void options_read(struct options *options, int argc, char **argv);

/* Ends the process with a message when `ok` is false. */
void require(bool ok, const char *what);

/* Sets every option of a request but its URL. */
void slot_prepare(struct slot *slot, const struct options *options);

/* Runs the load on `loop` and prints the result; the exit status. */
int load_run(const struct options *options, uv_loop_t *loop,
             const struct client *client);

/* To be called for each finished transfer, after it was removed from its
 * multi: verifies and counts it. True when the slot has to start again. */
bool load_finished(struct slot *slot, CURLcode result);

#endif
