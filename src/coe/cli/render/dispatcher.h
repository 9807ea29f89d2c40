// What `coe dispatcher` made and measured, and what a chooser says of requests.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/make_dispatcher.h"

#include <span>
#include <string>
#include <vector>

namespace coe::cli {

Json dispatcher_json(const DispatcherReport& report);
std::string dispatcher_text(const DispatcherReport& report);

// A request that was put to a chooser.
struct AskedRequest {
  std::string where;
  Choice choice;
  double ms = 0.0;
};

Json asked_json(std::span<const AskedRequest> requests, const Chooser& chooser);
std::string asked_text(std::span<const AskedRequest> requests, const Chooser& chooser);

}  // namespace coe::cli
