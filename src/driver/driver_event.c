/* What the polls of sockets report, and when libcurl is told: at most so
   many events in a turn of the loop, the others in the next. */
#include "driver_private.h"

#include "process.h"

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

void watch_unlate(Watch *watch)
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

int watch_mask(int events)
{
  return (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
         (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
}

static void watch_act(Watch *watch, int status, int events)
{
  UvDriver *driver = watch->driver;
  curl_socket_t fd = watch->fd;
  int mask = watch_mask(events);
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

void watch_on_poll(uv_poll_t *poll, int status, int events)
{
  Watch *watch = container_of(poll, Watch, poll);
  UvDriver *driver = watch->driver;
  if (driver->forks != process_forks)
    (void)uv_poll_stop(poll); /* the socket is the parent's */
  else if (watch->wanted == 0) {
    if (status < 0)
      watch->armed = 0; /* libuv has stopped it */
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
  else if (driver->turn_limit == 0 || driver->turn_events < driver->turn_limit)
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
    watch_unlate(watch);
    /* An error has stopped the poll, so it would not come again. */
    if (watch->wanted != 0)
      watch_act(watch, watch->late_status, watch->late_events);
    else if (watch->late_status < 0)
      watch->armed = 0;
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
