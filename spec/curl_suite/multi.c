/* Multi handles of the program, with SHIM_MULTI: what polls a multi handle without a
   socket function of its own goes through the driver. */
#define _GNU_SOURCE
#include "shim.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <unistd.h>

/* ---- Multi handles of the program, with SHIM_MULTI ---- */

static Driven *multi_find(CURLM *multi)
{
  Driven *at;
  if (!drives_multis())
    return NULL;
  (void)pthread_mutex_lock(&lock);
  for (at = multis; at != NULL && at->uv.handle != multi; at = at->next)
    ;
  (void)pthread_mutex_unlock(&lock);
  return at;
}

static void multi_forget(Driven *driven)
{
  Driven **link;
  (void)pthread_mutex_lock(&lock);
  for (link = &multis; *link != driven; link = &(*link)->next)
    ;
  *link = driven->next;
  (void)pthread_mutex_unlock(&lock);
}

EXPORT CURLM *curl_multi_init(void)
{
  CURLM *multi = REAL(curl_multi_init)();
  Host *host = multi != NULL && drives_multis() ? host_here() : NULL;
  Driven *driven = host != NULL ? driven_new(host, multi) : NULL;
  if (driven == NULL)
    return multi;
  driven->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  (void)pthread_mutex_lock(&lock);
  driven->next = multis;
  multis = driven;
  (void)pthread_mutex_unlock(&lock);
  return multi;
}

EXPORT CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
  Driven *driven = multi_find(multi);
  CURLMcode code;
  va_list list;
  if (driven != NULL &&
      (option == CURLMOPT_SOCKETFUNCTION || option == CURLMOPT_TIMERFUNCTION)) {
    /* It drives itself. */
    uvdriver_remove_multi(&driven->uv);
    multi_forget(driven);
    (void)close(driven->wakeup);
    free(driven);
  }
  va_start(list, option);
  code = pass_multi_option(multi, option, list);
  va_end(list);
  return code;
}

EXPORT CURLMcode curl_multi_cleanup(CURLM *multi)
{
  Driven *driven = multi_find(multi);
  Easy *at;
  if (driven == NULL)
    return REAL(curl_multi_cleanup)(multi);
  if (driven->entered > 0)
    return CURLM_RECURSIVE_API_CALL;
  for (at = easies; at != NULL; at = at->next)
    if (at->in == driven) { /* libcurl removes it itself */
      at->in = NULL;
      uvdriver_transfers(driven->host->driver, -1);
    }
  multi_forget(driven);
  return driven_end(driven);
}

EXPORT CURLMcode curl_multi_add_handle(CURLM *multi, CURL *handle)
{
  Driven *driven = multi_find(multi);
  Easy *easy = driven != NULL ? easy_find(handle) : NULL;
  if (easy == NULL)
    return REAL(curl_multi_add_handle)(multi, handle);
  if (easy->own != NULL && easy->in == easy->own)
    (void)driven_remove(easy->own, easy);
  return driven_add(driven, easy);
}

EXPORT CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *handle)
{
  Driven *driven = multi_find(multi);
  Easy *easy = driven != NULL ? easy_find(handle) : NULL;
  if (easy == NULL || easy->in != driven)
    return REAL(curl_multi_remove_handle)(multi, handle);
  return driven_remove(driven, easy);
}

static int count_running(const Driven *driven)
{
  int running = driven->transfers;
  const Message *at;
  for (at = driven->first; at != NULL; at = at->next)
    running--;
  return running;
}

/* Until all that libcurl asked for is known to the system. */
static void settle(Driven *driven)
{
  int i = 0;
  do
    (void)host_turn(driven->host, NULL, 0);
  while (uvdriver_is_unflushed(driven->host->driver) && ++i < 100);
}

EXPORT CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
  Driven *driven = multi_find(multi);
  Easy *at;
  if (driven == NULL)
    return REAL(curl_multi_perform)(multi, running);
  if (driven->entered > 0 || driven->host->running)
    return CURLM_RECURSIVE_API_CALL;
  settle(driven);
  /* A loop that polls calls progress functions in each of its turns. */
  for (at = easies; at != NULL; at = at->next)
    if (at->in == driven && at->has_progress && !at->no_progress) {
      driven_sweep(driven);
      settle(driven);
      break;
    }
  if (running != NULL)
    *running = count_running(driven);
  return driven->failure;
}

/* How long poll may wait, of `ms`. */
static int waiting(const Driven *driven, int ms)
{
  int own;
  if (driven->first != NULL)
    return 0;
  /* libuv answers 0 for a loop that has nothing to wait for. */
  if (!uv_loop_alive(&driven->host->loop))
    return ms;
  own = uv_backend_timeout(&driven->host->loop);
  return own >= 0 && own < ms ? own : ms;
}

static CURLMcode wait_for(Driven *driven, struct curl_waitfd *others,
                          unsigned count, int ms, int *ready, bool always)
{
  struct pollfd *polls = calloc(count + 2, sizeof *polls);
  unsigned i;
  int events;
  uint64_t wakeups;
  if (polls == NULL)
    return CURLM_OUT_OF_MEMORY;
  for (i = 0; i < count; i++) {
    polls[i].fd = others[i].fd;
    polls[i].events =
        (short)((others[i].events & CURL_WAIT_POLLIN ? POLLIN : 0) |
                (others[i].events & CURL_WAIT_POLLPRI ? POLLPRI : 0) |
                (others[i].events & CURL_WAIT_POLLOUT ? POLLOUT : 0));
  }
  polls[count].fd = uv_backend_fd(&driven->host->loop);
  polls[count].events = POLLIN;
  polls[count + 1].fd = always ? driven->wakeup : -1;
  polls[count + 1].events = POLLIN;
  if (always || uvdriver_watched(driven->host->driver) > 0 || count > 0)
    events = poll(polls, count + 2, waiting(driven, ms));
  else
    events = 0;
  for (i = 0; i < count; i++)
    others[i].revents =
        (short)((polls[i].revents & POLLIN ? CURL_WAIT_POLLIN : 0) |
                (polls[i].revents & POLLPRI ? CURL_WAIT_POLLPRI : 0) |
                (polls[i].revents & POLLOUT ? CURL_WAIT_POLLOUT : 0));
  if (polls[count + 1].revents & POLLIN &&
      read(driven->wakeup, &wakeups, sizeof wakeups) > 0)
    events--;
  free(polls);
  if (ready != NULL)
    *ready = events > 0 ? events : 0;
  return CURLM_OK;
}

EXPORT CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd others[],
                                 unsigned count, int ms, int *ready)
{
  Driven *driven = multi_find(multi);
  if (driven == NULL)
    return REAL(curl_multi_poll)(multi, others, count, ms, ready);
  if (driven->entered > 0)
    return CURLM_RECURSIVE_API_CALL;
  return wait_for(driven, others, count, ms, ready, true);
}

EXPORT CURLMcode curl_multi_wait(CURLM *multi, struct curl_waitfd others[],
                                 unsigned count, int ms, int *ready)
{
  Driven *driven = multi_find(multi);
  if (driven == NULL)
    return REAL(curl_multi_wait)(multi, others, count, ms, ready);
  if (driven->entered > 0)
    return CURLM_RECURSIVE_API_CALL;
  return wait_for(driven, others, count, ms, ready, false);
}

EXPORT CURLMcode curl_multi_wakeup(CURLM *multi)
{
  Driven *driven = multi_find(multi);
  uint64_t one = 1;
  if (driven == NULL)
    return REAL(curl_multi_wakeup)(multi);
  return write(driven->wakeup, &one, sizeof one) > 0 ? CURLM_OK
                                                     : CURLM_WAKEUP_FAILURE;
}

EXPORT CURLMcode curl_multi_fdset(CURLM *multi, fd_set *to_read,
                                  fd_set *to_write, fd_set *exceptions,
                                  int *highest)
{
  Driven *driven = multi_find(multi);
  int fd;
  if (driven == NULL)
    return REAL(curl_multi_fdset)(multi, to_read, to_write, exceptions,
                                  highest);
  if (driven->entered > 0)
    return CURLM_RECURSIVE_API_CALL;
  fd = uv_backend_fd(&driven->host->loop);
  *highest = -1;
  if (uvdriver_watched(driven->host->driver) > 0 && fd < FD_SETSIZE) {
    FD_SET(fd, to_read);
    *highest = fd;
  }
  return CURLM_OK;
}

EXPORT CURLMcode curl_multi_timeout(CURLM *multi, long *ms)
{
  Driven *driven = multi_find(multi);
  if (driven == NULL)
    return REAL(curl_multi_timeout)(multi, ms);
  if (driven->entered > 0)
    return CURLM_RECURSIVE_API_CALL;
  if (driven->first != NULL)
    *ms = 0;
  else if (!uv_loop_alive(&driven->host->loop))
    *ms = -1;
  else
    *ms = uv_backend_timeout(&driven->host->loop);
  return CURLM_OK;
}

EXPORT CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
  Driven *driven = multi_find(multi);
  const Message *at;
  if (driven == NULL)
    return REAL(curl_multi_info_read)(multi, left);
  *left = 0;
  if (driven->entered > 0 || !take_message(driven, &driven->given.easy_handle,
                                           &driven->given.data.result))
    return NULL;
  driven->given.msg = CURLMSG_DONE;
  for (at = driven->first; at != NULL; at = at->next)
    ++*left;
  return &driven->given;
}
