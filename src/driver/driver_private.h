/* What the files of the libuv driver share: driver_uv.c (entering libcurl,
   timer), driver_life.c, driver_watch.c (what is watched), driver_event.c,
   driver_socket.c; and cures, each in a file: driver_rescue.c, driver_ftp.c,
   driver_idle.c. Nobody else includes this. */
#pragma once

#include <time.h>

#include "driver_uv.h"

/* Local ports, from 1. */
#define PORTS 65536
#define PORTS_OF_PAGE 256

typedef struct Watch {
  uv_poll_t poll; /* poll.data stays NULL: luv reads it as its own */
  UvDriver *driver;
  UvMulti *multi; /* who asked last */
  curl_socket_t fd;
  int wanted;    /* UV_READABLE | UV_WRITABLE that libcurl wants */
  int armed;     /* what the poll is started with */
  bool polling;  /* uv_poll_init succeeded */
  bool ours;     /* opened by open_socket, closed by close_socket */
  bool stream;   /* ours, and not of datagrams */
  int heard;     /* events of one of datagrams, counted to QUIC_HEARD */
  bool has_read; /* asked for IN once: its connect has succeeded */
  bool strayed;  /* has had an event that nobody wanted, since IN */
  int inherited; /* wanted by the socket that had this number before,
                            see watch_open_socket */
  /* Of driver_ftp.c, see there. */
  const void *easy; /* the transfer that asked last; never followed */
  int asked;        /* how often for its protocol */
  bool ftp;         /* it is FTP: one of the driver's list */
  bool stalled;     /* its transfer waits for nothing at all */
  int events_left;  /* that may still be passed on */
  struct Watch *next_ftp;
  struct Watch *next_unpollable;
  /* Of driver_idle.c, see there. */
  UvUse *uses; /* transfers that use it now */
  struct Watch *next_of_port;
  int local_port;    /* 0: not known yet; -1: none */
  time_t idle_since; /* the clock on the wall */
  bool served;       /* a transfer has ended on it */
  bool http1;        /* and was one of HTTP/1 */
  bool bodiless;     /* whose answer had no body */
  bool hung_up;      /* shut down; libcurl does not know yet */
  /* Among those whose event waits for the next turn. */
  struct Watch *next_late, *previous_late;
  int late_status, late_events;
  bool late;
} Watch;

struct UvDriver {
  uv_loop_t *loop;
  uv_timer_t timer; /* nearest deadline of all multis */
  uv_timer_t rescue;
  uv_check_t check; /* always active; keeps the loop alive by its ref */
  uv_idle_t idle;   /* active while a kick waits: no blocking then */
  UvMulti *multis;
  Watch **watches; /* by descriptor */
  size_t capacity;
  size_t watched;
  Watch *unpollable;
  Watch *ftp;                   /* list of FTP's, while libcurl forgets some */
  bool ftp_forgets, ftp_stalls; /* what this libcurl does */
  Watch *first_late, *last_late;
  int turn_limit;     /* events of a turn; 0: no limit */
  int turn_events;    /* of this one so far */
  uint64_t armed_for; /* deadline that the timer is started for, or 0 */
  bool unflushed;     /* a poll was started that libuv may not have told the
                            system of */
  bool inheriting;    /* some watch has `inherited` set */
  bool heated;        /* a cold multi parsed its file in this turn */
  int rescue_left;
  int transfers;
  unsigned refused; /* sockets, for lack of descriptors */
  unsigned forks;   /* process_forks of the process that it belongs to */
  void (*on_turn)(void *data);
  void *on_turn_data;
  int closing; /* handles whose close callback is outstanding */
  /* Of driver_idle.c: watches by local port, in pages that are made when needed: a
     request touches no other watch than its own. */
  Watch **ports[PORTS / PORTS_OF_PAGE];
  bool reuses_talking; /* what this libcurl does */
  uint64_t looked;     /* ns: when the loop last looked at its sockets */
  int64_t slept;       /* ms that the system has slept until now */
  bool forgetful_quic; /* see driver_rescue.c */
};

/* Milliseconds of the clock that all deadlines are on. */
static inline uint64_t now_ms(void)
{
  return uv_hrtime() / 1000000;
}

/* ---- driver_uv.c ---- */

/* One call into libcurl. The callbacks run inside may end any watch. */
void multi_action(UvMulti *multi, curl_socket_t fd, int mask);

/* Has libcurl look after all transfers of a multi, which may be gone
   afterwards. */
void multi_sweep(UvMulti *multi);

/* Whether the multi is still one of its. */
bool driver_has(const UvDriver *driver, const UvMulti *multi);

/* Of libuv, after it has waited; CURLMOPT_TIMERFUNCTION with a UvMulti. */
void driver_on_check(uv_check_t *check);
int timer_on_multi(CURLM *handle, long ms, void *data);

/* Makes the timer fire at `deadline` at the latest. */
void timer_arm(UvDriver *driver, uint64_t deadline);

/* Whether this multi may connect in this turn: of cold ones only one a turn parses
   its file, or all else that the loop has to do would wait for all of them. */
bool multi_may_connect(const UvMulti *multi);

/* Makes the multi look after all of its transfers, in this turn. */
void multi_sweep_soon(UvMulti *multi);

/* ---- driver_rescue.c ---- */

/* A connection was refused, or FTP may have stalled;
   QUIC has got something. */
void rescue_forgotten(UvDriver *driver);
void rescue_quic(UvDriver *driver);

/* ---- driver_ftp.c ---- */

/* Asks which of its faults this libcurl has. */
void ftp_ask_version(UvDriver *driver);

/* libcurl wants something of this descriptor for `easy`; it no longer wants
   anything of this watch, which lingers; a transfer has ended; a watch is
   about to. */
void ftp_on_want(UvDriver *driver, CURL *easy, curl_socket_t fd);
void ftp_on_remove(Watch *watch);
void ftp_on_done(UvDriver *driver, const CURL *easy);
void ftp_on_end(Watch *watch);

/* Transfers of this multi may have begun, or gone on, by their timers. */
void ftp_on_timeout(UvMulti *multi);

/* An event of a watch of which libcurl wants nothing. This may end any watch.
   False, and nothing was done, when that is as it should be. */
bool ftp_pass_on(Watch *watch);

/* Whether some transfer of this multi waits for nothing. Asked once: then it
   is taken to be helped. */
bool ftp_is_stalled(const UvMulti *multi);

/* ---- driver_idle.c ---- */

void idle_open(UvDriver *driver);
void idle_close(UvDriver *driver);

/* When libcurl wants something of a socket of ours: it has its local port by
   then. */
void watch_name(Watch *watch);

/* An event of a watch of which libcurl wants nothing. False, and nothing was
   done, when that is as it should be. */
bool idle_ends(Watch *watch);

/* A watch is about to end. */
void idle_on_end(Watch *watch);

/* Before requests are sent: what was idle while the system slept is ended. */
void idle_check_sleep(UvDriver *driver);

/* ---- driver_watch.c ---- */

/* NULL when it is not watched. */
Watch *watch_find(const UvDriver *driver, curl_socket_t fd);

/* NULL without memory. */
Watch *watch_new(UvDriver *driver, curl_socket_t fd);

/* Ends the poll now, while the descriptor is still the one it was started
   for. */
void watch_end(Watch *watch);

/* libcurl wants something of a descriptor, for `easy` (NULL where it is not
   known), or nothing any more. */
void watch_want(UvMulti *multi, CURL *easy, curl_socket_t fd, int wanted);
void watch_remove(UvDriver *driver, curl_socket_t fd);

/* Has the poll report what is wanted; what a socket has to say that nobody
   asks. */
void watch_arm(Watch *watch);
void watch_listen(Watch *watch);

/* After each action: arms what took over the number of a closed socket. */
void watches_inherit(UvDriver *driver);

/* On the timer: drives descriptors that libuv cannot poll. */
void watches_serve_unpollable(UvDriver *driver);

/* Ends all watches, or those of one multi. */
void watches_end(UvDriver *driver, const UvMulti *multi);

/* ---- driver_event.c ---- */

/* Of libuv: a socket is ready. */
void watch_on_poll(uv_poll_t *poll, int status, int events);

/* Its event waits for the next turn no more. */
void watch_unlate(Watch *watch);

/* libuv's events as libcurl's. */
int watch_mask(int events);

/* Connections of datagrams that have said as much as this have been made. */
#define QUIC_HEARD 4

/* Lets libcurl look after them. */
void watches_nudge(UvDriver *driver);

/* ---- driver_socket.c ---- */

/* CURLMOPT_SOCKETFUNCTION with a UvMulti, CURLOPT_OPENSOCKETFUNCTION and
   CURLOPT_CLOSESOCKETFUNCTION with a UvDriver. */
int watch_on_socket(CURL *easy, curl_socket_t fd, int what, void *data,
                    void *assigned);
curl_socket_t watch_open_socket(void *data, curlsocktype purpose,
                                struct curl_sockaddr *address);
int watch_close_socket(void *data, curl_socket_t fd);
