/* Puts the transfers of a program that knows nothing of it through the libuv
   driver: preloaded, it takes the place of curl_easy_perform and, with
   SHIM_MULTI=1, of the functions that run a multi handle by polling. Built and
   used by script/curl-suite.

   The driver's own object files are linked in with the names of the functions
   that are replaced here changed to real_NAME, so that the driver calls libcurl
   and the program calls this.

   Environment:
     SHIM_LOG    a file that gets a line for each transfer and each oddity
     SHIM_MULTI  1: multi handles of the program go through the driver, too
     SHIM_TICK   ms between two sweeps over transfers with a progress function,
                 as curl_easy_perform calls that once a second; 0: none (500)
     SHIM_STALL  ms without an event after which a transfer is called stalled,
                 written to the log, and swept so that the suite goes on (20000)
     SHIM_TURN   as uvdriver_limit_turn (0) */
#pragma once

#include <curl/curl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "driver_uv.h"

#define EXPORT __attribute__((visibility("default")))

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* ---- real.c: libcurl itself, settings, log ---- */

void *shim_find(const char *name);

/* The pointer to libcurl's NAME, looked up once. */
#define REAL(name)                            \
  ({                                          \
    static __typeof__(&name) pointer_;        \
    if (pointer_ == NULL)                     \
      *(void **)&pointer_ = shim_find(#name); \
    pointer_;                                 \
  })

/* What the driver calls. All that a set function gets fits these three. */
CURLcode real_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLMcode real_curl_multi_setopt(CURLM *multi, CURLMoption option, ...);
CURLMsg *real_curl_multi_info_read(CURLM *multi, int *left);
CURLMcode real_curl_multi_socket_action(CURLM *multi, curl_socket_t fd,
                                        int mask, int *running);
CURLMcode real_curl_multi_socket_all(CURLM *multi, int *running);
CURLMcode real_curl_multi_timeout(CURLM *multi, long *ms);

CURLcode pass_easy_option(CURL *easy, CURLoption option, va_list list);
CURLMcode pass_multi_option(CURLM *multi, CURLMoption option, va_list list);

long setting(const char *name, long otherwise);
bool drives_multis(void);
void note(const char *format, ...);

/* With the command line, which tells the test. */
void note_oddity(const char *what, int number);

/* ---- driven.c: a loop for each thread, handles and multis on it ---- */

typedef struct Host {
  uv_loop_t loop;
  uv_timer_t timer; /* stalls, ticks, the caller's own time limit */
  UvDriver *driver;
  bool running;
  bool rang;
} Host;

typedef struct Driven Driven;

typedef struct Sockets { /* outlives all: connections keep a pointer to it */
  UvDriver *driver;
  curl_opensocket_callback open;
  void *open_data;
  curl_closesocket_callback close;
  void *close_data;
} Sockets;

struct Driven {
  UvMulti uv; /* uv.handle: the multi */
  Host *host;
  CURLMcode failure;
  int wakeup; /* eventfd of curl_multi_wakeup */
  int transfers;
  int entered;
  struct Message *first, **last;
  CURLMsg given; /* what the program got last */
  Driven *next;
};

typedef struct Message {
  CURL *easy;
  CURLcode result;
  struct Message *next;
} Message;

typedef struct Easy {
  CURL *easy;
  Sockets sockets; /* the program's */
  bool has_progress, no_progress, connect_only;
  long connections;            /* CURLOPT_MAXCONNECTS */
  char *errors;                /* CURLOPT_ERRORBUFFER */
  curl_prereq_callback prereq; /* the program's */
  void *prereq_data;
  UvUse use;
  Driven *own; /* the multi of curl_easy_perform */
  Driven *in;  /* the one that it is in now */
  struct Easy *next;
} Easy;

extern pthread_mutex_t lock;
extern Easy *easies;
extern Driven *multis; /* the program's */

Host *host_here(void);
void host_begin(void);
void host_finish(void);

/* One turn that ends after `ms` at the latest (-1: of itself), and at once when
   `driven` has ended, which may be NULL. True when it ended by that. */
bool host_turn(Host *host, const Driven *driven, long ms);

Easy *easy_find(CURL *easy);
Easy *easy_note(CURL *easy);
void easy_forget(Easy *easy);
void sockets_give_back(Easy *easy);

Driven *driven_new(Host *host, CURLM *multi);
CURLMcode driven_end(Driven *driven);
CURLMcode driven_add(Driven *driven, Easy *easy);
CURLMcode driven_remove(Driven *driven, Easy *easy);
void driven_sweep(Driven *driven);
bool driven_has_ended(const Driven *driven);
bool take_message(Driven *driven, CURL **easy, CURLcode *result);
