/* Entering libcurl, and when: see driver_uv.h. It is entered from libuv's
   callbacks, uvdriver_flush and uvdriver_catch_up alone, never from inside
   its own callbacks; these only write down what it wants (here the timer, in
   driver_watch.c the sockets). */
#include "driver_private.h"

#include "process.h"

/* On the QUIC of OpenSSL libcurl asks for a timer in whole milliseconds. When
   anything calls it in the last of them while a connection is being made, it
   writes the first bytes of the connection's own streams, which have no credit
   yet, and never again: then later requests wait for ever. So timers are late,
   and who has not said much (driver_private.h: QUIC_HEARD) is not nudged. */
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

void multi_sweep(UvMulti *multi)
{
  int running = 0;
  uint64_t begun = enter(multi);
  /* Deprecated, but the only sweep that keeps the socket callbacks right. */
  CURL_IGNORE_DEPRECATION((void)curl_multi_socket_all(multi->handle, &running);)
  leave(multi, begun);
  if (multi->driver->inheriting)
    watches_inherit(multi->driver);
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
    return; /* on_timer looks again */
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

bool driver_has(const UvDriver *driver, const UvMulti *multi)
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
  uvdriver_serve_soon(driver);
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
    bool sweep = multi->overdue || (multi->swept && ftp_is_stalled(multi));
    multi->swept = multi->overdue = false;
    if (sweep)
      multi_sweep(multi);
    else if (multi->kicked && multi_may_connect(multi)) {
      multi->kicked = false;
      if (!checked)
        idle_check_sleep(driver); /* requests may be sent now */
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

void driver_on_check(uv_check_t *check)
{
  UvDriver *driver = container_of(check, UvDriver, check);
  if (driver->forks != process_forks) {
    (void)uv_check_stop(check); /* it would keep the loop alive */
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

void uvdriver_serve_soon(UvDriver *driver)
{
  (void)uv_idle_start(&driver->idle, on_idle);
}

void multi_sweep_soon(UvMulti *multi)
{
  multi->swept = true;
  uvdriver_serve_soon(multi->driver);
}

void uvdriver_look_after(UvMulti *multi)
{
  multi->overdue = true;
  uvdriver_serve_soon(multi->driver);
}

void uvdriver_flush(UvDriver *driver)
{
  UvMulti *multi;
  bool again = false;
  if (!uv_is_active((uv_handle_t *)&driver->idle))
    return;
  kicks_serve(driver);
  for (multi = driver->multis; multi != NULL; multi = multi->next)
    again = again || multi->kicked || multi->swept || multi->overdue;
  /* A kick that came meanwhile is served in the next turn: transfers that
     kick for ever must not starve the sockets. */
  if (!again)
    (void)uv_idle_stop(&driver->idle);
}

/* ---- libcurl's timer ---- */

int timer_on_multi(CURLM *handle, long ms, void *data)
{
  UvMulti *multi = data;
  (void)handle;
  if (multi->driver == NULL)
    return 0;
  multi->deadline = 0;
  multi->kicked = false;
  if (ms == 0) {
    multi->kicked = true;
    uvdriver_serve_soon(multi->driver);
  }
  else if (ms > 0) {
    multi_schedule(multi, ms);
    timer_arm(multi->driver, multi->deadline);
  }
  return 0;
}
