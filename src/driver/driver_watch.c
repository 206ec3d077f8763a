/* Sockets and their polls: the half of the libuv driver that answers libcurl's
   socket, open and close callbacks.

   What makes it fast is the deferred poll stop: between two requests on a
   kept connection libcurl says "remove" and then "in" again, which costs six
   epoll_ctl calls. A poll stays armed instead when nothing can go wrong,
   see watch_may_stay. */
#include "driver_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process.h"
#include "quirks.h"

/* A descriptor that libuv cannot poll is driven by this clock instead. */
#define UNPOLLABLE_MS 10

/* ---- Watches, by descriptor ---- */

Watch *watch_find(const UvDriver *driver, curl_socket_t fd)
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

/* ---- Events that wait for the next turn ---- */

static void late_add(Watch *watch, int status, int events)
{
  UvDriver *driver = watch->driver;
  watch->late = true;
  watch->late_status = status;
  watch->late_events = events;
  watch->next_late = NULL;
  watch->previous_late = driver->last_late;
  if (driver->last_late != NULL)
    driver->last_late->next_late = watch;
  else
    driver->first_late = watch;
  driver->last_late = watch;
}

static void late_remove(Watch *watch)
{
  UvDriver *driver = watch->driver;
  if (watch->previous_late != NULL)
    watch->previous_late->next_late = watch->next_late;
  else
    driver->first_late = watch->next_late;
  if (watch->next_late != NULL)
    watch->next_late->previous_late = watch->previous_late;
  else
    driver->last_late = watch->previous_late;
  watch->late = false;
}

/* Ends the poll now, while the descriptor is still the one it was started
   for. The memory goes in libuv's close callback. */
static void watch_end(Watch *watch)
{
  UvDriver *driver = watch->driver;
  if (watch->late)
    late_remove(watch);
  if (watch->ftp)
    ftp_on_end(watch);
  idle_on_end(watch);
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

static void poll_for(Watch *watch, int events)
{
  if (watch->armed == events)
    return;                        /* libuv would leave and re-enter epoll */
  if (uv_poll_start(&watch->poll, events, on_poll) == 0)
    watch->armed = events;
  watch->driver->unflushed = true;
}

static void watch_arm(Watch *watch)
{
  poll_for(watch, watch->wanted);
}

void watch_listen(Watch *watch)
{
  poll_for(watch, UV_READABLE);
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

/* `easy` is NULL where it is not known. */
static void watch_want(UvMulti *multi, CURL *easy, curl_socket_t fd,
                       int wanted)
{
  Watch *watch = watch_find(multi->driver, fd);
  if (watch == NULL)
    watch = watch_new(multi->driver, fd);
  if (watch == NULL)
    return;                        /* out of memory: its timeouts remain */
  watch->multi = multi;
  watch->wanted = wanted;
  watch->strayed = false;
  watch->inherited = 0;
  if (watch->stream && watch->local_port == 0)
    watch_name(watch);
  if (wanted & UV_READABLE && !watch->has_read) {
    watch->has_read = true;
    if (watch->stream && easy != NULL && multi->connected != NULL)
      multi->connected(easy, multi->data);
  }
  watch_start(watch);
}

/* A poll may outlive "remove" only for a socket whose close() we make
   ourselves, so that none is ever left on a closed descriptor. libcurl that
   closes the sockets of abandoned connects itself does so with those that have
   never asked to read: see quirk_reopens_silently. */
static bool watch_may_stay(const Watch *watch)
{
  return watch->ours && watch->polling &&
         (watch->has_read || !quirk_reopens_silently());
}

static void watch_remove(UvDriver *driver, curl_socket_t fd)
{
  Watch *watch = watch_find(driver, fd);
  if (watch == NULL)
    return;                        /* libcurl may name what it never added */
  watch->wanted = 0;
  if (watch->ours && !watch->has_read)
    rescue_forgotten(driver);
  if (!watch_may_stay(watch)) {
    watch_end(watch);
    return;
  }
  if (watch->armed == UV_READABLE) {
    if (watch->ftp)
      ftp_on_remove(watch);
    return;
  }
  /* Armed for writing it would spin. */
  (void)uv_poll_stop(&watch->poll);            /* cannot fail on a live one */
  watch->armed = 0;
}

/* ---- Events ---- */

static int mask_of_events(int events)
{
  return (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
         (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
}

static void watch_act(Watch *watch, int status, int events)
{
  UvDriver *driver = watch->driver;
  curl_socket_t fd = watch->fd;
  int mask = mask_of_events(events);
  driver->turn_events++;
  if (status < 0) {
    /* libuv reports EPOLLERR as an error and has stopped the poll. ERR alone
       would hide readable data from libcurl before 8.10. */
    mask = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR;
    watch->armed = 0;
  }
  if (watch->ours && !watch->stream) {
    if (watch->heard < QUIC_HEARD)
      watch->heard++;
    rescue_quic(driver);
  }
  multi_action(watch->multi, fd, mask);
  if (status < 0) {
    watch = watch_find(driver, fd);
    if (watch != NULL && watch->polling && watch->wanted != 0)
      watch_arm(watch);
  }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  Watch *watch = container_of(poll, Watch, poll);
  UvDriver *driver = watch->driver;
  if (driver->forks != process_forks)
    (void)uv_poll_stop(poll);      /* the socket is the parent's */
  else if (watch->wanted == 0) {
    if (status < 0)
      watch->armed = 0;            /* libuv has stopped it */
    if ((watch->ftp && ftp_pass_on(watch)) || idle_ends(watch))
      return;
    /* The peer spoke, or went, while the connection waits in the pool:
       libcurl will find out when it looks at it. Level-triggered, so stop; but
       not at once: a body that is paused is mostly wanted again by then. */
    if (status < 0 || watch->strayed) {
      (void)uv_poll_stop(poll);
      watch->armed = 0;
    }
    watch->strayed = true;
  }
  /* Said again in the next turn. */
  else if (!watch->has_read && status >= 0 && !multi_may_connect(watch->multi))
    return;
  else if (driver->turn_limit == 0 ||
           driver->turn_events < driver->turn_limit)
    watch_act(watch, status, events);
  else if (!watch->late)
    late_add(watch, status, events);
}

void uvdriver_limit_turn(UvDriver *driver, int events)
{
  driver->turn_limit = events;
}

bool uvdriver_is_behind(const UvDriver *driver)
{
  return driver->first_late != NULL;
}

void uvdriver_flushing(UvDriver *driver)
{
  driver->unflushed = false;
}

bool uvdriver_is_unflushed(const UvDriver *driver)
{
  return driver->unflushed;
}

void uvdriver_catch_up(UvDriver *driver)
{
  driver->turn_events = 0;
  while (driver->first_late != NULL &&
         driver->turn_events < driver->turn_limit) {
    Watch *watch = driver->first_late;
    late_remove(watch);
    /* An error has stopped the poll, so it would not come again. */
    if (watch->wanted != 0)
      watch_act(watch, watch->late_status, watch->late_events);
    else if (watch->late_status < 0)
      watch->armed = 0;
  }
}

/* libcurl before 8.2 may have closed and reopened a descriptor for the same
   transfer without a word; then it wants of the new one what it wanted of
   the old. */
void watches_inherit(UvDriver *driver)
{
  size_t fd;
  driver->inheriting = false;
  for (fd = 0; fd < driver->capacity; fd++) {
    Watch *watch = driver->watches[fd];
    if (watch != NULL && watch->inherited != 0) {
      int wanted = watch->inherited;
      watch->inherited = 0;
      if (watch->wanted == 0 && watch->multi != NULL)
        watch_want(watch->multi, NULL, watch->fd, wanted);
    }
  }
}

void watches_nudge(UvDriver *driver)
{
  size_t fd;
  for (fd = 0; fd < driver->capacity; fd++) {
    Watch *watch = driver->watches[fd];
    if (watch != NULL && watch->heard >= QUIC_HEARD && watch->wanted != 0)
      multi_action(watch->multi, watch->fd, CURL_CSELECT_IN | CURL_CSELECT_OUT);
  }
}

void watches_serve_unpollable(UvDriver *driver)
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

/* ---- Callbacks of libcurl ---- */

int watch_on_socket(CURL *easy, curl_socket_t fd, int what, void *data,
                    void *assigned)
{
  UvMulti *multi = data;
  (void)assigned;                  /* our table by descriptor is surer */
  if (multi->driver == NULL)
    return 0;
  if (what == CURL_POLL_REMOVE)
    watch_remove(multi->driver, fd);
  else {
    watch_want(multi, easy, fd,
               (what & CURL_POLL_IN ? UV_READABLE : 0) |
                 (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
    if (multi->driver->ftp_forgets)
      ftp_on_want(multi->driver, easy, fd);
  }
  return 0;                        /* -1 would kill all transfers */
}

void uvdriver_adopt(UvDriver *driver, curl_socket_t fd, int type)
{
  Watch *stale = watch_find(driver, fd);
  Watch *watch;
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
  if (watch != NULL) {
    watch->ours = true;
    watch->stream = uvdriver_kind(type) == SOCK_STREAM;
  }
}

curl_socket_t uvdriver_open(UvDriver *driver, curlsocktype purpose,
                            struct curl_sockaddr *address)
{
  int type = address->socktype;
  curl_socket_t fd;
  (void)purpose;
#ifdef SOCK_CLOEXEC
  /* libcurl before 8.17 lets children inherit its sockets; such a child
     would keep epoll's registration alive after close(). */
  type |= SOCK_CLOEXEC | SOCK_NONBLOCK;
#endif
  fd = socket(address->family, type, address->protocol);
  if (fd < 0) {
    driver->refused += errno == EMFILE || errno == ENFILE;
    return CURL_SOCKET_BAD;
  }
  uvdriver_adopt(driver, fd, address->socktype);
  return fd;
}

void uvdriver_release(UvDriver *driver, curl_socket_t fd)
{
  Watch *watch = watch_find(driver, fd);
  if (watch != NULL)
    watch_end(watch);
}

curl_socket_t watch_open_socket(void *data, curlsocktype purpose,
                                struct curl_sockaddr *address)
{
  return uvdriver_open(data, purpose, address);
}

int watch_close_socket(void *data, curl_socket_t fd)
{
  uvdriver_release(data, fd);
  return close(fd);
}

void watches_end(UvDriver *driver, const UvMulti *multi)
{
  size_t fd;
  for (fd = 0; fd < driver->capacity; fd++) {
    Watch *watch = driver->watches[fd];
    if (watch != NULL && (multi == NULL || watch->multi == multi))
      watch_end(watch);
  }
}
