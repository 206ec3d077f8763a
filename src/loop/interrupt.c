/* libuv waits on when a signal arrives, so the handler that the host has set
   (lua's: raise "interrupted!" at the next instruction) would only act with
   the next event. While a loop runs ours is in front: it calls the host's,
   then wakes the loop. One process has one SIGINT, hence the statics. */
#include "interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Under the lock; the handler reads them without: they are written before it
   is installed, or atomically. */
static struct sigaction host_action;
static uv_async_t *interrupted;
static unsigned forks; /* of the process that has set it */
static int handling;   /* handlers that use it, of any thread */

/* While a loop in which Lua may not raise is waiting, the host's handler is
   called later: see interrupt_defer. */
static int deferring, deferred;

static void on_interrupt(int number)
{
  int saved = errno;
  uv_async_t *async;
  if (__atomic_load_n(&deferring, __ATOMIC_SEQ_CST))
    __atomic_store_n(&deferred, 1, __ATOMIC_SEQ_CST);
  else if (host_action.sa_handler != SIG_IGN)
    host_action.sa_handler(number);
  (void)__atomic_add_fetch(&handling, 1, __ATOMIC_SEQ_CST);
  async = __atomic_load_n(&interrupted, __ATOMIC_SEQ_CST);
  /* In a forked child it would wake its parent. */
  if (async != NULL && forks == process_forks)
    (void)uv_async_send(async);
  (void)__atomic_sub_fetch(&handling, 1, __ATOMIC_SEQ_CST);
  errno = saved;
}

static void on_async(uv_async_t *async)
{
  uv_stop(async->loop);
}

static void on_async_closed(uv_handle_t *handle)
{
  free(handle);
}

static bool is_plain(const struct sigaction *action)
{
  return !(action->sa_flags & SA_SIGINFO) && action->sa_handler != SIG_DFL &&
         action->sa_handler != SIG_IGN && action->sa_handler != on_interrupt;
}

/* Under the lock: what the parent process had set is not ours to use. */
static void forget_parent(void)
{
  if (interrupted == NULL || forks == process_forks)
    return;
  __atomic_store_n(&interrupted, NULL, __ATOMIC_SEQ_CST);
  (void)sigaction(SIGINT, &host_action, NULL);
}

void interrupt_start(uv_loop_t *loop)
{
  struct sigaction current, action;
  uv_async_t *async;
  (void)pthread_mutex_lock(&lock);
  forget_parent();
  if (interrupted == NULL && sigaction(SIGINT, NULL, &current) == 0 &&
      is_plain(&current) && (async = calloc(1, sizeof *async)) != NULL) {
    if (uv_async_init(loop, async, on_async) == 0) {
      uv_unref((uv_handle_t *)async);
      host_action = current;
      forks = process_forks;
      __atomic_store_n(&interrupted, async, __ATOMIC_SEQ_CST);
      memset(&action, 0, sizeof action);
      action.sa_handler = on_interrupt;
      (void)sigaction(SIGINT, &action, NULL);
    }
    else
      free(async);
  }
  (void)pthread_mutex_unlock(&lock);
}

void interrupt_stop(const uv_loop_t *loop)
{
  struct sigaction current;
  uv_async_t *async;
  (void)pthread_mutex_lock(&lock);
  forget_parent();
  async = interrupted;
  if (async != NULL && async->loop == loop) {
    if (sigaction(SIGINT, NULL, &current) == 0 &&
        current.sa_handler == on_interrupt)
      (void)sigaction(SIGINT, &host_action, NULL);
    __atomic_store_n(&interrupted, NULL, __ATOMIC_SEQ_CST);
    /* Another thread may be about to use it. */
    while (__atomic_load_n(&handling, __ATOMIC_SEQ_CST) > 0)
      (void)sched_yield();
    uv_close((uv_handle_t *)async, on_async_closed);
  }
  (void)pthread_mutex_unlock(&lock);
}

void interrupt_defer(const uv_loop_t *loop, bool on)
{
  bool ours;
  (void)pthread_mutex_lock(&lock);
  forget_parent();
  ours = interrupted != NULL && interrupted->loop == loop;
  if (ours)
    __atomic_store_n(&deferring, on, __ATOMIC_SEQ_CST);
  (void)pthread_mutex_unlock(&lock);
  if (ours && !on && __atomic_exchange_n(&deferred, 0, __ATOMIC_SEQ_CST))
    host_action.sa_handler(SIGINT);
}
