/* The libuv driver: see driver_uv.h. Callbacks of libcurl only write down
   what it wants and start or stop polls; libcurl is entered from libuv's
   callbacks and uvdriver_flush alone, never from inside its own callbacks.

   What makes it fast is the deferred poll stop: between two requests on a
   kept connection libcurl says "remove" and then "in" again, which costs six
   epoll_ctl calls. A poll stays armed instead when nothing can go wrong,
   see watch_may_linger. */
#include "driver_uv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define container_of(pointer, type, member) \
  ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* libcurl < 8.4 may wait for half the connect timeout when two of three
   addresses were refused; a sweep over all transfers cures it (curl#11920).
   This many sweeps, this far apart, follow each refused connection. */
#define RESCUE_SWEEPS 8
#define RESCUE_MS 150

/* A descriptor that libuv cannot poll is driven by this clock instead. */
#define UNPOLLABLE_MS 10

typedef struct Watch {
  uv_poll_t poll;        /* poll.data stays NULL: luv reads it as its own */
  UvDriver *driver;
  UvMulti *multi;        /* who asked last */
  curl_socket_t fd;
  int wanted;            /* UV_READABLE | UV_WRITABLE that libcurl wants */
  int armed;             /* what the poll is started with */
  bool polling;          /* uv_poll_init succeeded */
  bool ours;             /* opened by open_socket, closed by close_socket */
  bool has_read;         /* asked for IN once: its connect has succeeded */
  int inherited;         /* wanted by the socket that had this number before,
                            see open_socket */
  struct Watch *next_unpollable;
} Watch;

struct UvDriver {
  uv_loop_t *loop;
  uv_timer_t timer;      /* nearest deadline of all multis */
  uv_timer_t rescue;
  uv_check_t check;      /* always active; keeps the loop alive by its ref */
  uv_idle_t idle;        /* active while a kick waits: no blocking then */
  UvMulti *multis;
  Watch **watches;       /* by descriptor */
  size_t capacity;
  size_t watched;
  Watch *unpollable;
  uint64_t armed_for;    /* deadline that the timer is started for, or 0 */
  bool inheriting;       /* some watch has `inherited` set */
  int rescue_left;
  int transfers;
  int closing;           /* handles whose close callback is outstanding */
};

static uint64_t now_ms(void)
{
  return uv_hrtime() / 1000000;
}

/* ---- Watches ---- */

static Watch *watch_find(const UvDriver *driver, curl_socket_t fd)
{
  return fd >= 0 && (size_t)fd < driver->capacity ? driver->watches[fd]
                                                  : NULL;
}

static bool watches_grow(UvDriver *driver, curl_socket_t fd)
{
  size_t capacity = driver->capacity ? driver->capacity : 64;
  Watch **watches;
  while (capacity <= (size_t)fd)
    capacity *= 2;
  if (capacity == driver->capacity)
    return true;
  watches = realloc(driver->watches, capacity * sizeof *watches);
  if (watches == NULL)
    return false;
  memset(watches + driver->capacity, 0,
         (capacity - driver->capacity) * sizeof *watches);
  driver->watches = watches;
  driver->capacity = capacity;
  return true;
}

static Watch *watch_new(UvDriver *driver, curl_socket_t fd)
{
  Watch *watch;
  if (fd < 0 || !watches_grow(driver, fd))
    return NULL;
  watch = calloc(1, sizeof *watch);
  if (watch == NULL)
    return NULL;
  watch->driver = driver;
  watch->fd = fd;
  driver->watches[fd] = watch;
  driver->watched++;
  return watch;
}

static void on_watch_closed(uv_handle_t *handle)
{
  free(container_of(handle, Watch, poll));
}

static void unpollable_remove(UvDriver *driver, Watch *watch)
{
  Watch **link = &driver->unpollable;
  while (*link != NULL && *link != watch)
    link = &(*link)->next_unpollable;
  if (*link == watch)
    *link = watch->next_unpollable;
}

/* Ends the poll now, while the descriptor is still the one it was started
   for. The memory goes in libuv's close callback. */
static void watch_end(Watch *watch)
{
  UvDriver *driver = watch->driver;
  driver->watches[watch->fd] = NULL;
  driver->watched--;
  if (watch->polling) {
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
    return;
  }
  unpollable_remove(driver, watch);
  free(watch);
}

static void on_poll(uv_poll_t *poll, int status, int events);
static void rescue_start(UvDriver *driver);
static void timer_arm(UvDriver *driver, uint64_t deadline);

static void watch_arm(Watch *watch)
{
  if (watch->armed == watch->wanted)
    return;                        /* libuv would leave and re-enter epoll */
  if (uv_poll_start(&watch->poll, watch->wanted, on_poll) == 0)
    watch->armed = watch->wanted;
}

/* libuv refuses files and descriptors that are polled elsewhere. Returning
   an error to libcurl would kill the whole multi, so such a descriptor is
   tried from a clock. */
static void watch_start(Watch *watch)
{
  UvDriver *driver = watch->driver;
  if (!watch->polling) {
    if (uv_poll_init(driver->loop, &watch->poll, watch->fd) != 0) {
      unpollable_remove(driver, watch);
      watch->next_unpollable = driver->unpollable;
      driver->unpollable = watch;
      timer_arm(driver, now_ms() + UNPOLLABLE_MS);
      return;
    }
    watch->polling = true;
    /* One reference is held by `check` while transfers run. */
    uv_unref((uv_handle_t *)&watch->poll);
  }
  watch_arm(watch);
}

static void watch_want(UvMulti *multi, curl_socket_t fd, int wanted)
{
  Watch *watch = watch_find(multi->driver, fd);
  if (watch == NULL)
    watch = watch_new(multi->driver, fd);
  if (watch == NULL)
    return;                        /* out of memory: its timeouts remain */
  watch->multi = multi;
  watch->wanted = wanted;
  watch->inherited = 0;
  if (wanted & UV_READABLE)
    watch->has_read = true;
  watch_start(watch);
}

/* A poll may stay armed after "remove" only for a socket whose close() we
   make ourselves, so that no poll is ever left on a closed descriptor.
   libcurl before 8.2 closes the sockets of abandoned connects itself; those
   have never asked to read. Armed for writing it would spin. */
static bool watch_may_linger(const Watch *watch)
{
  return watch->ours && watch->has_read && watch->armed == UV_READABLE;
}

static void watch_remove(UvDriver *driver, curl_socket_t fd)
{
  Watch *watch = watch_find(driver, fd);
  if (watch == NULL)
    return;                        /* libcurl may name what it never added */
  watch->wanted = 0;
  if (watch_may_linger(watch))
    return;
  if (watch->ours && !watch->has_read)
    rescue_start(driver);
  if (watch->ours && watch->has_read && watch->polling) {
    (void)uv_poll_stop(&watch->poll);          /* cannot fail on a live one */
    watch->armed = 0;
    return;
  }
  watch_end(watch);
}

/* ---- Entering libcurl ---- */

static void multi_action(UvMulti *multi, curl_socket_t fd, int mask);

void uvdriver_drain(UvMulti *multi)
{
  CURLMsg *message;
  int left;
  /* Always, not only when the count of running transfers fell: a transfer
     that ends on a timer is otherwise reported by nobody. */
  while ((message = curl_multi_info_read(multi->handle, &left)) != NULL) {
    CURL *easy = message->easy_handle;
    CURLcode result = message->data.result;
    if (message->msg == CURLMSG_DONE)
      multi->done(easy, result, multi->data);
    if (multi->driver == NULL)
      return;
  }
}

/* libcurl before 8.2 may have closed and reopened a descriptor for the same
   transfer without a word; then it wants of the new one what it wanted of
   the old. */
static void watches_inherit(UvDriver *driver)
{
  size_t fd;
  driver->inheriting = false;
  for (fd = 0; fd < driver->capacity; fd++) {
    Watch *watch = driver->watches[fd];
    if (watch != NULL && watch->inherited != 0) {
      int wanted = watch->inherited;
      watch->inherited = 0;
      if (watch->wanted == 0 && watch->multi != NULL)
        watch_want(watch->multi, watch->fd, wanted);
    }
  }
}

/* One call into libcurl. The callbacks run inside may end any watch. */
static void multi_action(UvMulti *multi, curl_socket_t fd, int mask)
{
  UvDriver *driver = multi->driver;
  int running = 0;
  CURLMcode code;
  multi->enter(multi->data);
  code = curl_multi_socket_action(multi->handle, fd, mask, &running);
  multi->leave(multi->data);
  if (code != CURLM_OK) {
    multi->failed(code, multi->data);
    return;
  }
  if (driver->inheriting)
    watches_inherit(driver);
  uvdriver_drain(multi);
}

static int mask_of_events(int events)
{
  return (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
         (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  Watch *watch = container_of(poll, Watch, poll);
  UvDriver *driver = watch->driver;
  curl_socket_t fd = watch->fd;
  int mask = mask_of_events(events);
  if (watch->wanted == 0) {
    /* The peer spoke, or went, while the connection waits in the pool:
       libcurl will find out when it looks at it. Level-triggered, so stop. */
    (void)uv_poll_stop(poll);
    watch->armed = 0;
    return;
  }
  if (status < 0) {
    /* libuv reports EPOLLERR as an error and has stopped the poll. ERR alone
       would hide readable data from libcurl before 8.10. */
    mask = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR;
    watch->armed = 0;
  }
  multi_action(watch->multi, fd, mask);
  if (status < 0) {
    watch = watch_find(driver, fd);
    if (watch != NULL && watch->polling && watch->wanted != 0)
      watch_arm(watch);
  }
}

/* ---- The timer ---- */

static void on_timer(uv_timer_t *timer);

static void timer_arm(UvDriver *driver, uint64_t deadline)
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

/* Some versions (8.10.0 to 8.11.0) do not repeat a timer that fired a
   fraction too early: ask. */
static void multi_ask_timeout(UvMulti *multi)
{
  long ms = -1;
  if (multi->driver != NULL && multi->deadline == 0 && !multi->kicked &&
      curl_multi_timeout(multi->handle, &ms) == CURLM_OK && ms >= 0)
    multi->deadline = now_ms() + (ms > 0 ? (uint64_t)ms : 1);
}

static bool driver_has(const UvDriver *driver, const UvMulti *multi)
{
  const UvMulti *at = driver->multis;
  while (at != NULL && at != multi)
    at = at->next;
  return at != NULL;
}

static void unpollable_serve(UvDriver *driver)
{
  Watch *watch;
  size_t left = 0;
  for (watch = driver->unpollable; watch != NULL;
       watch = watch->next_unpollable)
    left++;
  /* Serving one may change the list: take the head, put it last. */
  while (left-- > 0 && (watch = driver->unpollable) != NULL) {
    Watch **link = &driver->unpollable;
    *link = watch->next_unpollable;
    watch->next_unpollable = NULL;
    while (*link != NULL)
      link = &(*link)->next_unpollable;
    *link = watch;
    if (watch->wanted != 0)
      multi_action(watch->multi, watch->fd,
                   mask_of_events(watch->wanted));
  }
  if (driver->unpollable != NULL)
    timer_arm(driver, now_ms() + UNPOLLABLE_MS);
}

static void on_timer(uv_timer_t *timer)
{
  UvDriver *driver = container_of(timer, UvDriver, timer);
  uint64_t now = now_ms();
  uint64_t nearest = 0;
  UvMulti *multi = driver->multis;
  driver->armed_for = 0;
  while (multi != NULL) {
    UvMulti *next = multi->next;
    if (multi->deadline != 0 && multi->deadline <= now) {
      multi->deadline = 0;
      multi_action(multi, CURL_SOCKET_TIMEOUT, 0);
      if (driver_has(driver, multi))
        multi_ask_timeout(multi);
    }
    /* What a transfer's end started may have closed the next one. */
    multi = next != NULL && driver_has(driver, next) ? next : NULL;
  }
  if (driver->unpollable != NULL)
    unpollable_serve(driver);
  for (multi = driver->multis; multi != NULL; multi = multi->next)
    if (multi->deadline != 0 && (nearest == 0 || multi->deadline < nearest))
      nearest = multi->deadline;
  if (nearest != 0)
    timer_arm(driver, nearest);
}

/* ---- Kicks: a timer of 0 ms, served outside libcurl's callbacks ---- */

static void on_idle(uv_idle_t *idle)
{
  uvdriver_flush(container_of(idle, UvDriver, idle));
}

static void on_check(uv_check_t *check)
{
  UvDriver *driver = container_of(check, UvDriver, check);
  if (uv_is_active((uv_handle_t *)&driver->idle))
    uvdriver_flush(driver);
}

void uvdriver_flush(UvDriver *driver)
{
  UvMulti *multi = driver->multis;
  bool again = false;
  if (!uv_is_active((uv_handle_t *)&driver->idle))
    return;
  while (multi != NULL) {
    UvMulti *next = multi->next;
    if (multi->kicked) {
      multi->kicked = false;
      multi_action(multi, CURL_SOCKET_TIMEOUT, 0);
    }
    multi = next != NULL && driver_has(driver, next) ? next : NULL;
  }
  for (multi = driver->multis; multi != NULL; multi = multi->next)
    again = again || multi->kicked;
  /* A kick that came meanwhile is served in the next turn: transfers that
     kick for ever must not starve the sockets. */
  if (!again)
    (void)uv_idle_stop(&driver->idle);
}

/* ---- Callbacks of libcurl ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data,
                     void *assigned)
{
  UvMulti *multi = data;
  (void)easy;                      /* may be one of libcurl's own */
  (void)assigned;                  /* our table by descriptor is surer */
  if (multi->driver == NULL)
    return 0;
  if (what == CURL_POLL_REMOVE)
    watch_remove(multi->driver, fd);
  else
    watch_want(multi, fd, (what & CURL_POLL_IN ? UV_READABLE : 0) |
                            (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
  return 0;                        /* -1 would kill all transfers */
}

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
    multi->deadline = now_ms() + (uint64_t)ms;
    timer_arm(multi->driver, multi->deadline);
  }
  return 0;
}

static curl_socket_t open_socket(void *data, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
  UvDriver *driver = data;
  int type = address->socktype;
  curl_socket_t fd;
  Watch *stale, *watch;
  (void)purpose;
#ifdef SOCK_CLOEXEC
  /* libcurl before 8.17 lets children inherit its sockets; such a child
     would keep epoll's registration alive after close(). */
  type |= SOCK_CLOEXEC | SOCK_NONBLOCK;
#endif
  fd = socket(address->family, type, address->protocol);
  if (fd < 0)
    return CURL_SOCKET_BAD;
  stale = watch_find(driver, fd);
  watch = NULL;
  if (stale != NULL) {
    int wanted = stale->wanted;
    UvMulti *multi = stale->multi;
    watch_end(stale);
    watch = watch_new(driver, fd);
    if (watch != NULL) {
      watch->multi = multi;
      watch->inherited = wanted;
      driver->inheriting = driver->inheriting || wanted != 0;
    }
  }
  else
    watch = watch_new(driver, fd);
  if (watch != NULL)
    watch->ours = true;
  return fd;
}

static int close_socket(void *data, curl_socket_t fd)
{
  Watch *watch = watch_find(data, fd);
  if (watch != NULL)
    watch_end(watch);
  return close(fd);
}

/* ---- Rescue: refused connections on libcurl before 8.4 ---- */

static void multi_sweep(UvMulti *multi)
{
  int running = 0;
  multi->enter(multi->data);
  /* Deprecated, but the only sweep that keeps the socket callbacks right. */
  CURL_IGNORE_DEPRECATION(
    (void)curl_multi_socket_all(multi->handle, &running);)
  multi->leave(multi->data);
  uvdriver_drain(multi);
}

static void on_rescue(uv_timer_t *timer)
{
  UvDriver *driver = container_of(timer, UvDriver, rescue);
  UvMulti *multi = driver->multis;
  while (multi != NULL) {
    UvMulti *next = multi->next;
    multi_sweep(multi);
    multi = next != NULL && driver_has(driver, next) ? next : NULL;
  }
  if (--driver->rescue_left <= 0 || driver->transfers == 0)
    (void)uv_timer_stop(&driver->rescue);
}

static void rescue_start(UvDriver *driver)
{
  if (curl_version_info(CURLVERSION_NOW)->version_num >= 0x080400)
    return;
  driver->rescue_left = RESCUE_SWEEPS;
  if (!uv_is_active((uv_handle_t *)&driver->rescue))
    (void)uv_timer_start(&driver->rescue, on_rescue, RESCUE_MS, RESCUE_MS);
}

/* ---- Life ---- */

UvDriver *uvdriver_new(uv_loop_t *loop)
{
  UvDriver *driver = calloc(1, sizeof *driver);
  if (driver == NULL)
    return NULL;
  driver->loop = loop;
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
  size_t fd;
  for (fd = 0; fd < driver->capacity; fd++)
    if (driver->watches[fd] != NULL)
      watch_end(driver->watches[fd]);
  driver->closing = 4;
  uv_close((uv_handle_t *)&driver->timer, on_timer_closed);
  uv_close((uv_handle_t *)&driver->rescue, on_rescue_closed);
  uv_close((uv_handle_t *)&driver->idle, on_idle_closed);
  uv_close((uv_handle_t *)&driver->check, on_check_closed);
}

CURLMcode uvdriver_add_multi(UvDriver *driver, UvMulti *multi)
{
  CURLMcode code;
  code = curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, on_socket);
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
  multi->next = driver->multis;
  driver->multis = multi;
  return CURLM_OK;
}

void uvdriver_remove_multi(UvMulti *multi)
{
  UvDriver *driver = multi->driver;
  UvMulti **link;
  size_t fd;
  if (driver == NULL)
    return;
  for (link = &driver->multis; *link != multi; link = &(*link)->next)
    ;
  *link = multi->next;
  /* What libcurl never took back (its own wakeup pipes) ends here. */
  for (fd = 0; fd < driver->capacity; fd++)
    if (driver->watches[fd] != NULL && driver->watches[fd]->multi == multi)
      watch_end(driver->watches[fd]);
  multi->driver = NULL;
}

void uvdriver_prepare_easy(UvDriver *driver, CURL *easy)
{
  /* Setting a callback and its data cannot fail. */
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, driver);
  (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
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

size_t uvdriver_watched(const UvDriver *driver)
{
  return driver->watched;
}
