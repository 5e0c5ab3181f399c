/* version.h - what this server says it is.
 *
 * Clients choose what they send by redis_version, so it names the Redis whose commands and
 * replies are followed.
 */
#ifndef CORE_VERSION_H
#define CORE_VERSION_H

#define REDIS_VERSION "7.2.4"
#define CLEARLANE_VERSION "0.1.0"

#endif
