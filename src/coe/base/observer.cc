#include "coe/base/observer.h"

namespace coe {

Observer& silent_observer() {
  static Observer observer;
  return observer;
}

}  // namespace coe
