/* Rescue: sweeps over all transfers for what libcurl forgets. */
#include "driver_private.h"

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
  uvdriver_serve_soon(driver);
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
  uv_update_time(driver->loop); /* see timer_arm */
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
