// A sample's routing, kept until it is known what to do with it.
#pragma once

#include "coe/engine/engine.h"

#include <cstdint>
#include <vector>

namespace coe {

// Memory: 12 bytes for each choice and token, 8 without expert outputs.
class RoutingTape : public RoutingObserver {
 public:
  // Views from here on are of a sequence whose first token is the sample's token `offset`.
  void begin_sequence(std::uint32_t offset) { offset_ = offset; }
  void on_routing(const RoutingView& view) override;
  // All views in the order of recording; positions count from the sample's first token.
  void replay(RoutingObserver& to) const;

 private:
  struct Entry {
    RoutingView view;  // its spans are set when it is played
    std::vector<std::int32_t> ids;
    std::vector<float> weights;
    std::vector<float> output_norms;
    std::vector<float> moe_norms;
    std::vector<float> residual_norms;
  };
  std::uint32_t offset_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace coe
