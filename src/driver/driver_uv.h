/* Drives libcurl multi handles with a libuv loop: the socket callback, the
   one timer, and curl_multi_socket_action. Knows nothing of Lua: any C
   program can use it. One UvDriver belongs to one loop and serves any number
   of multi handles on it; each of these is a UvMulti.

   Order of use: uvdriver_new; uvdriver_add_multi; for each easy handle
   uvdriver_prepare_easy, then curl_multi_add_handle followed by
   uvdriver_transfers(+1); when it left the multi uvdriver_transfers(-1).
   At the end curl_multi_cleanup, uvdriver_remove_multi, uvdriver_close.

   In a forked child nothing of it may be called. The handles of a loop that
   the child has given to uv_loop_fork do nothing there. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <uv.h>

/* The struct that a handle is a member of: `data` of a handle is left alone,
   because luv takes it for its own. */
#define container_of(pointer, type, member) \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

typedef struct UvDriver UvDriver;

typedef struct UvMulti {
  CURLM *handle;
  UvDriver *driver; /* NULL while not driven */
  /* A transfer ended. Called after libcurl returned, so the handle may be
     removed, others added. */
  void (*done)(CURL *easy, CURLcode result, void *data);
  /* libcurl refuses to go on with this multi: fail what is on it. */
  void (*failed)(CURLMcode code, void *data);
  /* Or NULL. Called inside libcurl, once a connection: TCP is through, and the
     handle (which may be one of libcurl's own) waits for the other end. */
  void (*connected)(CURL *easy, void *data);
  /* Called inside libcurl, while `tells_removed`: it wants nothing of this
     handle's socket any more. */
  void (*removed)(CURL *easy, void *data);
  /* Called before and after every entry into libcurl. */
  void (*enter)(void *data);
  void (*leave)(void *data);
  void *data;
  uint64_t deadline;  /* ms of uv_hrtime when its timer is due; 0: none */
  bool kicked;        /* its timer is due at once */
  bool swept;         /* all its transfers are to be looked after at once, if
                            one of FTP has stalled */
  bool overdue;       /* and in any case: see uvdriver_look_after */
  bool tells_removed; /* set by the owner */
  bool cold;          /* set by the owner: its next handshake of TLS parses
                            a file of certificates, which takes long */
  struct UvMulti *next;
} UvMulti;

/* NULL when memory or libuv refuses. */
UvDriver *uvdriver_new(uv_loop_t *loop);

/* `function` is called once in every turn of the loop, after its events. */
void uvdriver_on_turn(UvDriver *driver, void (*function)(void *data),
                      void *data);

/* Every multi must have been removed. The memory is freed by the loop, in
   the close callbacks: run it until uv_loop_close succeeds. */
void uvdriver_close(UvDriver *driver);

/* `multi` has handle, done, failed, enter, leave and data filled in. Sets
   the multi's socket and timer callbacks. */
CURLMcode uvdriver_add_multi(UvDriver *driver, UvMulti *multi);

/* After curl_multi_cleanup, which still announces closed sockets. */
void uvdriver_remove_multi(UvMulti *multi);

/* Lets the driver open and close this handle's sockets, which makes the
   deferred poll stop possible. Connections keep these callbacks for longer
   than the easy handle lives: the driver must outlive the multi. */
void uvdriver_prepare_easy(UvDriver *driver, CURL *easy);

/* The kind alone, SOCK_STREAM or SOCK_DGRAM: libcurl has flags in it, too, since
   8.17. */
static inline int uvdriver_kind(int type)
{
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
  return type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
  return type;
#endif
}

/* For a program with functions of its own for these two: what prepare_easy
   would have done, in parts. A socket that was opened by open or told of by
   adopt (`type` is what socket(2) got) must be told of by release before it is
   closed. */
curl_socket_t uvdriver_open(UvDriver *driver, curlsocktype purpose,
                            struct curl_sockaddr *address);
void uvdriver_adopt(UvDriver *driver, curl_socket_t fd, int type);
void uvdriver_release(UvDriver *driver, curl_socket_t fd);

/* What a transfer holds of the connection that it uses. All zero at first; it
   must not move or go before `unuse`. */
typedef struct UvUse {
  struct Watch *watch; /* NULL: none, or not known, or it was closed */
  struct UvUse *previous, *next; /* others on the same connection */
  bool known;                    /* the last `use` has found it, then: */
  bool kept;                     /* it had been there before */
  bool http1;                    /* it is one of HTTP/1 */
} UvUse;

/* What CURLOPT_PREREQFUNCTION gets. */
typedef struct UvPlace {
  const char *peer;
  int peer_port, local_port;
  long max_idle; /* seconds: CURLOPT_MAXAGE_CONN of the transfer */
} UvPlace;

/* From CURLOPT_PREREQFUNCTION, for each request of a transfer: then the driver
   knows which connections are idle, and ends those of HTTP/1 that have something
   to say. False when this one is such, or has slept: it was shut down, so that
   libcurl cannot send a byte on it, and will try another one. */
bool uvdriver_use(UvDriver *driver, UvUse *use, const UvPlace *place);

/* Shuts a connection down that a request is about to be sent on. False when it
   is not known. */
bool uvdriver_hang_up(UvUse *use);

/* The transfer has ended, and its connection is in the pool again, or closed.
   `http1`: its answer was of HTTP/1; `bodiless`: and had no body, which some
   servers send all the same. May be called again. */
void uvdriver_unuse(UvUse *use, bool http1, bool bodiless);

/* Ends all idle connections: the network is another one. */
void uvdriver_drop_idle(UvDriver *driver);

/* How often the process had no descriptor left for a socket: who compares two
   counts knows whether that happened between them. */
unsigned uvdriver_refused(const UvDriver *driver);

/* Counts transfers: while there are any the loop stays alive. */
void uvdriver_transfers(UvDriver *driver, int change);

/* Serves the timers that are due at once. To be called before the loop
   would block; also done by the loop itself once per turn. */
void uvdriver_flush(UvDriver *driver);

/* For a caller who wants his turn between two runs of the loop: after so many
   events the others wait for uvdriver_catch_up. Without it a thousand
   transfers that are ready at once are all received before the first is looked
   at, and by then it has left the processor's cache. 0: no limit. */
void uvdriver_limit_turn(UvDriver *driver, int events);

/* Serves events that had to wait, as many as a turn allows. Before the loop
   runs again there may be none left: it would report them once more. */
void uvdriver_catch_up(UvDriver *driver);

/* Whether there are such events. */
bool uvdriver_is_behind(const UvDriver *driver);

/* Whether polls were started that the descriptor of the loop does not show
   yet: libuv registers them when it runs the next time. For a caller who
   watches that descriptor instead of running the loop. To be told of each run
   by `flushing`. */
bool uvdriver_is_unflushed(const UvDriver *driver);
void uvdriver_flushing(UvDriver *driver);

/* libuv does not wait in this turn, but serves what is due. To be called by all
   timers: libuv before 1.45 runs those that are due before it waits, and would
   then wait for something else. */
void uvdriver_serve_soon(UvDriver *driver);

/* Has libcurl look after all transfers of a multi in this turn: some limit may have
   passed for which it has no timer. */
void uvdriver_look_after(UvMulti *multi);

/* Reads what finished on this multi; for a caller that drove it itself. */
void uvdriver_drain(UvMulti *multi);

/* The loop's clock, ms of uv_hrtime at the beginning of its turn. */
uint64_t uvdriver_now(const UvDriver *driver);

/* How many sockets are watched now (idle ones included). */
size_t uvdriver_watched(const UvDriver *driver);
