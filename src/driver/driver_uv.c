/* The libuv driver: see driver_uv.h. libcurl is entered from libuv's callbacks
   and uvdriver_flush alone, never from inside its own callbacks; these only
   write down what it wants (here the timer, in driver_watch.c the sockets). */
#include "driver_private.h"

#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "quirks.h"

/* This many sweeps, this far apart, follow each refused connection: see
   quirk_refused_address_waits. */
#define RESCUE_SWEEPS 8
#define RESCUE_MS 150

/* HTTP/3 on the QUIC of OpenSSL (libcurl 8.14) forgets uploads: the stream may
   send again, and neither a timer nor an event will say so. Connections are
   nudged so many times, so far apart, counted from the last event. */
#define QUIC_NUDGES 200
#define QUIC_MS 50

/* There, libcurl asks for a timer in whole milliseconds. When anything calls it
   in the last of them while a connection is being made, it writes the first
   bytes of the connection's own streams, which have no credit yet, and never
   again: then later requests wait for ever. So timers are late, and who has not
   said much (driver_private.h: QUIC_HEARD) is not nudged. */
#define QUIC_LATE_MS 2

/* What takes a cold multi as long as this was the parsing of its file of
   certificates (20 ms for those of Debian). */
#define HEATING_NS 5000000

/* ---- Entering libcurl ---- */

void uvdriver_drain(UvMulti *multi)
{
  CURLMsg *message;
  int left;
  /* Always, not only when the count of running transfers fell: a transfer
     that ends on a timer is otherwise reported by nobody. */
  while ((message = curl_multi_info_read(multi->handle, &left)) != NULL) {
    CURL *easy = message->easy_handle;
    CURLcode result = message->data.result;
    if (message->msg == CURLMSG_DONE && multi->driver->ftp != NULL)
      ftp_on_done(multi->driver, easy);
    if (message->msg == CURLMSG_DONE)
      multi->done(easy, result, multi->data);
    if (multi->driver == NULL)
      return;
    /* One event of HTTP/2 may end a hundred transfers. */
    multi->driver->turn_events++;
  }
}

static uint64_t enter(UvMulti *multi)
{
  multi->enter(multi->data);
  return multi->cold ? uv_hrtime() : 0;
}

static void leave(UvMulti *multi, uint64_t begun)
{
  multi->leave(multi->data);
  if (begun != 0 && uv_hrtime() - begun > HEATING_NS)
    multi->driver->heated = true;
}

void multi_action(UvMulti *multi, curl_socket_t fd, int mask)
{
  UvDriver *driver = multi->driver;
  int running = 0;
  uint64_t begun = enter(multi);
  CURLMcode code;
  code = curl_multi_socket_action(multi->handle, fd, mask, &running);
  leave(multi, begun);
  if (code != CURLM_OK) {
    multi->failed(code, multi->data);
    return;
  }
  if (driver->inheriting)
    watches_inherit(driver);
  if (fd == CURL_SOCKET_TIMEOUT && driver->ftp != NULL)
    ftp_on_timeout(multi);
  uvdriver_drain(multi);
}

static void multi_sweep(UvMulti *multi)
{
  int running = 0;
  uint64_t begun = enter(multi);
  /* Deprecated, but the only sweep that keeps the socket callbacks right. */
  CURL_IGNORE_DEPRECATION(
    (void)curl_multi_socket_all(multi->handle, &running);)
  leave(multi, begun);
  uvdriver_drain(multi);
}

bool multi_may_connect(const UvMulti *multi)
{
  return !multi->cold || !multi->driver->heated;
}

/* ---- The timer ---- */

static void on_timer(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle);

void timer_arm(UvDriver *driver, uint64_t deadline)
{
  uint64_t now = now_ms();
  if (driver->armed_for != 0 && driver->armed_for <= deadline)
    return;                        /* on_timer looks again */
  driver->armed_for = deadline;
  /* libuv's own clock stands still during a turn: without this the timer
     fires early. */
  uv_update_time(driver->loop);
  (void)uv_timer_start(&driver->timer, on_timer,
                       deadline > now ? deadline - now : 1, 0);
}

static void multi_schedule(UvMulti *multi, long ms)
{
  multi->deadline = now_ms() + (ms > 0 ? (uint64_t)ms : 1) +
                    (multi->driver->forgetful_quic ? QUIC_LATE_MS : 0);
}

/* Some versions (8.10.0 to 8.11.0) do not repeat a timer that fired a
   fraction too early: ask. */
static void multi_ask_timeout(UvMulti *multi)
{
  long ms = -1;
  if (multi->driver != NULL && multi->deadline == 0 && !multi->kicked &&
      curl_multi_timeout(multi->handle, &ms) == CURLM_OK && ms >= 0)
    multi_schedule(multi, ms);
}

static bool driver_has(const UvDriver *driver, const UvMulti *multi)
{
  const UvMulti *at = driver->multis;
  while (at != NULL && at != multi)
    at = at->next;
  return at != NULL;
}

static void on_timer(uv_timer_t *timer)
{
  UvDriver *driver = container_of(timer, UvDriver, timer);
  uint64_t now = now_ms();
  uint64_t nearest = 0;
  UvMulti *multi = driver->multis;
  if (driver->forks != process_forks)
    return;
  driver->armed_for = 0;
  /* Timers too run before libuv waits, see on_idle. */
  (void)uv_idle_start(&driver->idle, on_idle);
  while (multi != NULL) {
    UvMulti *next = multi->next;
    if (multi->deadline != 0 && multi->deadline <= now &&
        multi_may_connect(multi)) {
      multi->deadline = 0;
      multi_action(multi, CURL_SOCKET_TIMEOUT, 0);
      if (driver_has(driver, multi))
        multi_ask_timeout(multi);
    }
    /* What a transfer's end started may have closed the next one. */
    multi = next != NULL && driver_has(driver, next) ? next : NULL;
  }
  if (driver->unpollable != NULL)
    watches_serve_unpollable(driver);
  for (multi = driver->multis; multi != NULL; multi = multi->next)
    if (multi->deadline != 0 && (nearest == 0 || multi->deadline < nearest))
      nearest = multi->deadline;
  if (nearest != 0)
    timer_arm(driver, nearest);
}

/* ---- Kicks: a timer of 0 ms, served outside libcurl's callbacks ---- */

static void kicks_serve(UvDriver *driver)
{
  UvMulti *multi = driver->multis;
  bool checked = false;
  while (multi != NULL) {
    UvMulti *next = multi->next;
    bool sweep = multi->swept && ftp_is_stalled(multi);
    multi->swept = false;
    if (sweep)
      multi_sweep(multi);
    else if (multi->kicked && multi_may_connect(multi)) {
      multi->kicked = false;
      if (!checked)
        idle_check_sleep(driver);  /* requests may be sent now */
      checked = true;
      multi_action(multi, CURL_SOCKET_TIMEOUT, 0);
    }
    multi = next != NULL && driver_has(driver, next) ? next : NULL;
  }
}

/* Runs before libuv waits for events. It stays active until the flush that
   follows: a transfer that has just ended is to be told of, and libuv would
   wait for other events first. */
static void on_idle(uv_idle_t *idle)
{
  UvDriver *driver = container_of(idle, UvDriver, idle);
  if (driver->forks == process_forks)
    kicks_serve(driver);
  else
    (void)uv_idle_stop(idle);
}

static void on_check(uv_check_t *check)
{
  UvDriver *driver = container_of(check, UvDriver, check);
  if (driver->forks != process_forks) {
    (void)uv_check_stop(check);    /* it would keep the loop alive */
    return;
  }
  driver->heated = false;
  driver->looked = uv_hrtime();
  if (uv_is_active((uv_handle_t *)&driver->idle))
    uvdriver_flush(driver);
  if (driver->on_turn != NULL)
    driver->on_turn(driver->on_turn_data);
}

void uvdriver_on_turn(UvDriver *driver, void (*function)(void *data),
                      void *data)
{
  driver->on_turn = function;
  driver->on_turn_data = data;
}

void multi_sweep_soon(UvMulti *multi)
{
  multi->swept = true;
  (void)uv_idle_start(&multi->driver->idle, on_idle);
}

void uvdriver_flush(UvDriver *driver)
{
  UvMulti *multi;
  bool again = false;
  if (!uv_is_active((uv_handle_t *)&driver->idle))
    return;
  kicks_serve(driver);
  for (multi = driver->multis; multi != NULL; multi = multi->next)
    again = again || multi->kicked || multi->swept;
  /* A kick that came meanwhile is served in the next turn: transfers that
     kick for ever must not starve the sockets. */
  if (!again)
    (void)uv_idle_stop(&driver->idle);
}

/* ---- libcurl's timer ---- */

static int on_multi_timer(CURLM *handle, long ms, void *data)
{
  UvMulti *multi = data;
  (void)handle;
  if (multi->driver == NULL)
    return 0;
  multi->deadline = 0;
  multi->kicked = false;
  if (ms == 0) {
    multi->kicked = true;
    (void)uv_idle_start(&multi->driver->idle, on_idle);
  }
  else if (ms > 0) {
    multi_schedule(multi, ms);
    timer_arm(multi->driver, multi->deadline);
  }
  return 0;
}

/* ---- Rescue: sweeps for what libcurl forgets ---- */

static void sweep_all(UvDriver *driver)
{
  UvMulti *multi = driver->multis;
  while (multi != NULL) {
    UvMulti *next = multi->next;
    if (multi_may_connect(multi))
      multi_sweep(multi);
    multi = next != NULL && driver_has(driver, next) ? next : NULL;
  }
}

static void on_rescue(uv_timer_t *timer)
{
  UvDriver *driver = container_of(timer, UvDriver, rescue);
  if (driver->forks != process_forks) {
    (void)uv_timer_stop(timer);
    return;
  }
  (void)uv_idle_start(&driver->idle, on_idle);    /* see on_timer */
  if (driver->forgetful_quic)
    watches_nudge(driver);
  else
    sweep_all(driver);
  if (--driver->rescue_left <= 0 || driver->transfers == 0)
    (void)uv_timer_stop(&driver->rescue);
}

static void rescue_start(UvDriver *driver, int sweeps, uint64_t ms)
{
  driver->rescue_left = sweeps;
  if (uv_is_active((uv_handle_t *)&driver->rescue))
    return;
  uv_update_time(driver->loop);                /* see timer_arm */
  (void)uv_timer_start(&driver->rescue, on_rescue, ms, ms);
}

void rescue_forgotten(UvDriver *driver)
{
  if (quirk_refused_address_waits())
    rescue_start(driver, RESCUE_SWEEPS, RESCUE_MS);
}

void rescue_quic(UvDriver *driver)
{
  if (driver->forgetful_quic)
    rescue_start(driver, QUIC_NUDGES, QUIC_MS);
}

/* ---- Life ---- */

UvDriver *uvdriver_new(uv_loop_t *loop)
{
  UvDriver *driver = calloc(1, sizeof *driver);
  if (driver == NULL)
    return NULL;
  driver->loop = loop;
  driver->forgetful_quic = quirk_quic_forgets_streams();
  driver->forks = process_forks;
  ftp_ask_version(driver);
  idle_open(driver);
  /* These four cannot fail: they only fill in the handle. */
  (void)uv_timer_init(loop, &driver->timer);
  (void)uv_timer_init(loop, &driver->rescue);
  (void)uv_idle_init(loop, &driver->idle);
  (void)uv_check_init(loop, &driver->check);
  (void)uv_check_start(&driver->check, on_check);
  uv_unref((uv_handle_t *)&driver->timer);
  uv_unref((uv_handle_t *)&driver->rescue);
  uv_unref((uv_handle_t *)&driver->idle);
  uv_unref((uv_handle_t *)&driver->check);
  return driver;
}

static void driver_handle_closed(UvDriver *driver)
{
  if (--driver->closing > 0)
    return;
  free(driver->watches);
  idle_close(driver);
  free(driver);
}

static void on_timer_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, timer));
}

static void on_rescue_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, rescue));
}

static void on_idle_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, idle));
}

static void on_check_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, check));
}

void uvdriver_close(UvDriver *driver)
{
  watches_end(driver, NULL);
  driver->closing = 4;
  uv_close((uv_handle_t *)&driver->timer, on_timer_closed);
  uv_close((uv_handle_t *)&driver->rescue, on_rescue_closed);
  uv_close((uv_handle_t *)&driver->idle, on_idle_closed);
  uv_close((uv_handle_t *)&driver->check, on_check_closed);
}

CURLMcode uvdriver_add_multi(UvDriver *driver, UvMulti *multi)
{
  CURLMcode code;
  code = curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION,
                           watch_on_socket);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION,
                             on_multi_timer);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
  if (code != CURLM_OK)
    return code;
  multi->driver = driver;
  multi->deadline = 0;
  multi->kicked = false;
  multi->swept = false;
  multi->next = driver->multis;
  driver->multis = multi;
  return CURLM_OK;
}

void uvdriver_remove_multi(UvMulti *multi)
{
  UvDriver *driver = multi->driver;
  UvMulti **link;
  if (driver == NULL)
    return;
  for (link = &driver->multis; *link != multi; link = &(*link)->next)
    ;
  *link = multi->next;
  /* What libcurl never took back (its own wakeup pipes) ends here. */
  watches_end(driver, multi);
  multi->driver = NULL;
}

void uvdriver_prepare_easy(UvDriver *driver, CURL *easy)
{
  /* Setting a callback and its data cannot fail. */
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION,
                         watch_open_socket);
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, driver);
  (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION,
                         watch_close_socket);
  (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, driver);
}

void uvdriver_transfers(UvDriver *driver, int change)
{
  int before = driver->transfers;
  driver->transfers += change;
  if (before == 0 && driver->transfers > 0)
    uv_ref((uv_handle_t *)&driver->check);
  else if (before > 0 && driver->transfers == 0)
    uv_unref((uv_handle_t *)&driver->check);
}

unsigned uvdriver_refused(const UvDriver *driver)
{
  return driver->refused;
}

uint64_t uvdriver_now(const UvDriver *driver)
{
  return uv_now(driver->loop);
}

size_t uvdriver_watched(const UvDriver *driver)
{
  return driver->watched;
}
