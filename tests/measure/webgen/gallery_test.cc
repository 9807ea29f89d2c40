#include "coe/measure/webgen/gallery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace coe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(WebGallery, ShowsWhatPassedAndWhyNot) {
  WebSuite suite;
  suite.tasks.resize(2);
  suite.tasks[0].id = "css-a";
  suite.tasks[0].title = "A <b>";
  suite.tasks[0].category = "css";
  suite.tasks[0].prompt = "Say \"hi\" & <go>";
  suite.tasks[1].id = "html-b";
  suite.tasks[1].category = "html";
  const std::vector<WebAttempt> attempts = {{0, "1", "<script>alert(1)</script>"},
                                            {1, "1", "text"}};
  std::vector<WebOutcome> outcomes(2);
  outcomes[0].pictures = {"css-a-1-390.png", "css-a-1-after.png"};
  outcomes[0].name = "1";
  outcomes[1].task = 1;
  outcomes[1].name = "1";
  outcomes[1].fault = TrialFault{WebFault::kBehaviour, "the <i> is dead", 4};
  const auto page = web_gallery(suite, {"model & co", "pictures", attempts, outcomes});
  EXPECT_THAT(page, HasSubstr("<h1>Web suite: model &amp; co</h1>"));
  EXPECT_THAT(page, HasSubstr(">1/2<"));
  EXPECT_THAT(page, HasSubstr("the &lt;i&gt; is dead (step 4)"));
  EXPECT_THAT(page, HasSubstr("src=\"pictures/css-a-1-390.png\" alt=\"A &lt;b&gt;, 390 px\""));
  EXPECT_THAT(page, HasSubstr("<figcaption>after</figcaption>"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(page, HasSubstr("<li><a href=\"#html-b-1\">html-b 1</a>: the &lt;i&gt; is dead"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("answers that pass every check"));
  // The suite tried on itself: a wrong answer that passes is what is wrong.
  const auto check =
      web_gallery(suite, {"references and mutants", "pictures", attempts, outcomes, {false, true}});
  EXPECT_THAT(check, HasSubstr(">1/2<"));
  EXPECT_THAT(check, HasSubstr("as they should be: references pass"));
  EXPECT_THAT(check, HasSubstr("What is not as it should be"));
  EXPECT_THAT(check, HasSubstr("<li><a href=\"#css-a-1\">css-a 1</a>: passes</li>"));
  EXPECT_THAT(check, Not(HasSubstr("<li><a href=\"#html-b-1\"")));
  EXPECT_EQ(count_web(suite, outcomes, "css").n_passed, 1U);
  EXPECT_EQ(count_web(suite, outcomes, "html").n_passed, 0U);
  EXPECT_EQ(count_web(suite, outcomes, "").n, 2U);
}

}  // namespace
}  // namespace coe
