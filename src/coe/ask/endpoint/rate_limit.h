// Servers say in many ways how long to wait before the next request.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace coe {

// By name in small letters.
using HttpHeaders = std::map<std::string, std::string, std::less<>>;

// Reads "20s", "1m30.5s", "350ms", "6m0s", "2h"; a number alone is seconds.
// Nothing for any other text.
std::optional<double> parse_duration(std::string_view text);

// Returns the seconds that a server asks for: by Retry-After or retry-after-ms,
// in its message
// ("try again in 20s", "retry after 3 seconds", "retryDelay": "24s"), or by
// x-ratelimit-reset-*, of the limits that are used up (x-ratelimit-remaining-*
// is 0), or else of all, the longest. `now` is the time since 1970, for resets
// that are points in time.
std::optional<double> asked_seconds(const HttpHeaders& headers, std::string_view message,
                                    double now);

}  // namespace coe
