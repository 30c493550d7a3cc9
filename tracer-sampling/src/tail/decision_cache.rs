//! The ids of traces whose decision is remembered after the buffer has released them.

use opentelemetry::trace::TraceId;

use super::config::DecisionCacheConfig;
use super::lru::LruMap;

/// Two bounded sets of ids, each of which evicts the least recently used id.
#[derive(Debug)]
pub(super) struct DecisionCache {
    sampled: LruMap<TraceId, ()>,
    not_sampled: LruMap<TraceId, ()>,
}

impl DecisionCache {
    pub(super) fn new(config: DecisionCacheConfig) -> Self {
        Self {
            sampled: LruMap::new(config.sampled_cache_size),
            not_sampled: LruMap::new(config.non_sampled_cache_size),
        }
    }

    /// Remembers a decision. Returns `false` if the set for it has no capacity.
    pub(super) fn insert(&mut self, trace_id: TraceId, sampled: bool) -> bool {
        let ids = match sampled {
            true => &mut self.sampled,
            false => &mut self.not_sampled,
        };
        ids.insert(trace_id, ());
        ids.is_enabled()
    }

    /// Returns whether a trace was sampled, if its decision is remembered.
    pub(super) fn get(&mut self, trace_id: TraceId) -> Option<bool> {
        if self.sampled.get(&trace_id).is_some() {
            return Some(true);
        }
        self.not_sampled.get(&trace_id).map(|()| false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_own_size() {
        let mut cache = DecisionCache::new(DecisionCacheConfig {
            sampled_cache_size: 1,
            non_sampled_cache_size: 2,
        });
        for id in 1..=3_u128 {
            assert!(cache.insert(TraceId::from(id), true));
            assert!(cache.insert(TraceId::from(id + 10), false));
        }
        let remembered = [1_u128, 2, 3, 11, 12, 13].map(|id| cache.get(TraceId::from(id)));
        let expected = [None, None, Some(true), None, Some(false), Some(false)];
        assert_eq!(remembered, expected);
    }

    #[test]
    fn outcome_without_a_size_is_not_remembered() {
        let mut cache = DecisionCache::new(DecisionCacheConfig::default());
        assert!(!cache.insert(TraceId::from(1), true));
        assert!(!cache.insert(TraceId::from(2), false));
        assert_eq!(cache.get(TraceId::from(1)), None);
    }
}
