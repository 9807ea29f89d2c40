#include "coe/profile/tape.h"

#include <utility>

namespace coe {

void RoutingTape::on_routing(const RoutingView& view) {
  Entry entry;
  entry.view = view;
  entry.view.first_token += offset_;
  entry.ids.assign(view.ids.begin(), view.ids.end());
  entry.weights.assign(view.weights.begin(), view.weights.end());
  entry.output_norms.assign(view.output_norms.begin(), view.output_norms.end());
  entry.moe_norms.assign(view.moe_norms.begin(), view.moe_norms.end());
  entry.residual_norms.assign(view.residual_norms.begin(), view.residual_norms.end());
  entries_.push_back(std::move(entry));
}

void RoutingTape::replay(RoutingObserver& to) const {
  for (const auto& entry : entries_) {
    RoutingView view = entry.view;
    view.ids = entry.ids;
    view.weights = entry.weights;
    view.output_norms = entry.output_norms;
    view.moe_norms = entry.moe_norms;
    view.residual_norms = entry.residual_norms;
    to.on_routing(view);
  }
}

}  // namespace coe
