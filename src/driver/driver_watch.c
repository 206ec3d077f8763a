/* Sockets and their polls: what is watched, for how long, and what for. What
   the polls report is in driver_event.c, sockets of our own are in
   driver_socket.c. What makes it fast is the deferred poll stop: between two
   requests on a kept connection libcurl says "remove" and then "in" again,
   which costs six epoll_ctl calls. A poll stays armed instead when nothing
   can go wrong, see watch_may_stay. */
#include "driver_private.h"

#include <stdlib.h>
#include <string.h>

#include "quirks.h"

/* A descriptor that libuv cannot poll is driven by this clock instead. */
#define UNPOLLABLE_MS 10

/* ---- Watches, by descriptor ---- */

Watch *watch_find(const UvDriver *driver, curl_socket_t fd)
{
  return fd >= 0 && (size_t)fd < driver->capacity ? driver->watches[fd] : NULL;
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

Watch *watch_new(UvDriver *driver, curl_socket_t fd)
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
void watch_end(Watch *watch)
{
  UvDriver *driver = watch->driver;
  if (watch->late)
    watch_unlate(watch);
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

static void poll_for(Watch *watch, int events)
{
  if (watch->armed == events)
    return; /* libuv would leave and re-enter epoll */
  if (uv_poll_start(&watch->poll, events, watch_on_poll) == 0)
    watch->armed = events;
  watch->driver->unflushed = true;
}

void watch_arm(Watch *watch)
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
void watch_want(UvMulti *multi, CURL *easy, curl_socket_t fd, int wanted)
{
  Watch *watch = watch_find(multi->driver, fd);
  if (watch == NULL)
    watch = watch_new(multi->driver, fd);
  if (watch == NULL)
    return; /* out of memory: its timeouts remain */
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

void watch_remove(UvDriver *driver, curl_socket_t fd)
{
  Watch *watch = watch_find(driver, fd);
  if (watch == NULL)
    return; /* libcurl may name what it never added */
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
  (void)uv_poll_stop(&watch->poll); /* cannot fail on a live one */
  watch->armed = 0;
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
      multi_action(watch->multi, watch->fd, watch_mask(watch->wanted));
  }
  if (driver->unpollable != NULL)
    timer_arm(driver, now_ms() + UNPOLLABLE_MS);
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
