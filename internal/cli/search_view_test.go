package cli

import (
	"strings"
	"testing"

	"nat/internal/search"
)

func TestRewardsAreShownInTheirUnit(t *testing.T) {
	record := search.Record{Policy: &search.PolicyMeans{Reward: -0.0123, RewardStd: 0.05}}
	for reward, want := range map[search.Reward]string{
		search.AccuracyReward: "reward -1.23 ± 5 points of accuracy,",
		search.LossReward:     "reward -0.0123 ± 0.05 nats,",
	} {
		if got := (&searchView{reward: reward}).means(record); !strings.HasPrefix(got, want) {
			t.Errorf("rewards in %s: %q does not begin with %q", reward, got, want)
		}
	}
}
