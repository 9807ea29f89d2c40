// An observer for work in another thread, which says nothing and can be told to stop.
#pragma once

#include "coe/base/observer.h"

#include <atomic>

namespace coe {

class StopFlag : public Observer {
 public:
  bool cancelled() override { return stop_; }
  void set() { stop_ = true; }

 private:
  std::atomic<bool> stop_ = false;
};

}  // namespace coe
