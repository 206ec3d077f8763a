/* What the C clients share: the command line (options.c), the load (load.c:
 * who runs next, what counts) and the one line of JSON they print (tally.c).
 * book.c and best.c differ only in how they drive libcurl on libuv. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* What one write takes when chunks are gathered: see src/base/sink.c. */
#define GATHER 32768

/* One in so many requests is timed, and asked for its HTTP version. */
#define SAMPLE 16

/* What is asked for, and what is looked at in the answer: kinds.c. */
struct kind {
  const char *name;
  const char *suffix;         /* of the URL */
  const char *body;           /* of a POST; NULL: GET */
  const char *const *headers; /* lines, beside those of every request */
  long timeout_ms;
  bool distinct;    /* request N asks for URL?n=N */
  const char *look; /* the header of the answer that is looked at */
  bool status_text; /* or what stands behind the status */
};

struct options {
  const struct kind *kind;
  const char *url;
  const char *save; /* write each body to this file */
  long connections; /* closed loop: this many requests are always running */
  double seconds;   /* length of the measured window of the closed loop */
  long requests;    /* instead of seconds: exactly this many, no warm-up */
  long inflight;    /* instead of both: this many at once, one time */
  long samples;     /* with requests: memory and CPU after each n-th part */
  long length;      /* body length to expect; -1: the first one's */
  long shards;      /* multi handles on the one loop (best.c); 0: by itself */
  long buffer;      /* CURLOPT_BUFFERSIZE; 0: the client's own choice */
  long host_connections; /* CURLMOPT_MAX_HOST_CONNECTIONS (book.c) */
  const char *ca;        /* file of authorities */
  bool insecure;
  bool fresh; /* a new connection for each request; the longest turn of the
                     * loop is measured */
  bool http2;
  bool bare;     /* neither User-Agent nor Accept-Encoding */
  bool stream;   /* look at each chunk of the body */
  bool gather;   /* save in writes of GATHER bytes (best.c) */
  bool numbered; /* request N asks for URL followed by N: see load.c */
};

/* One of the requests that run at once; its easy handle serves one request
 * after the other. */
struct slot {
  CURL *easy;
  CURLM *multi;
  size_t received;
  uint64_t started;           /* 0: this request is not timed */
  char number[24];            /* of a numbered request, with a line feed */
  CURLU *url;                 /* of a distinct request (best.c) */
  struct curl_slist *headers; /* of this request (book.c) */
  char status_text[64];
  int file;        /* of --save */
  size_t gathered; /* bytes in `gather` that wait to be written */
  char *gather;
  bool seen;          /* its HTTP version was looked at once */
  bool wrong;         /* the body is not the one of its number */
  unsigned char look; /* what on_body() saw: keeps the work from vanishing */
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

/* The kind of that name, or NULL. */
const struct kind *kind_find(const char *name);

/* The header lines of the kind, behind those of `list`. */
struct curl_slist *kind_headers(const struct kind *kind,
                                struct curl_slist *list);

/* Sets what the kind has beside its URL and its headers. */
void kind_prepare(struct slot *slot, const struct kind *kind);

/* Looks at the answer; NULL, or what is wrong with it. */
const char *kind_look(struct slot *slot, const struct kind *kind);

/* Which request this is, from 1: for the URLs of a distinct one. */
long kind_number(void);

/* Sets the URL of a numbered request. */
void slot_number(struct slot *slot, const struct options *options);

/* Runs the load on `loop` and prints the result; the exit status. */
int load_run(const struct options *options, uv_loop_t *loop,
             const struct client *client);

/* To be called for each finished transfer, after it was removed from its
 * multi: verifies and counts it. True when the slot has to start again. */
bool load_finished(struct slot *slot, CURLcode result);

/* The measured window: what was verified in it, and what that took. */
void tally_begin(void);
void tally_end(void);
void tally_latency(uint64_t us);
void tally_sample(long requests);
void tally_tick(void); /* called each millisecond, or as soon as the loop can */
void tally_print(const char *client, long requests, long errors);

#endif
