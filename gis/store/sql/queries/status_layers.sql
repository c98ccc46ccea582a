-- the ledger added up by layer; undone deliveries no longer count
SELECT layer.id, layer.features, count(d.id) AS deliveries,
    coalesce(sum(d.quarantined), 0)::bigint AS quarantined
FROM onemap.layer AS layer
LEFT JOIN onemap.delivery AS d ON d.layer = layer.id AND d.undone_at IS NULL
GROUP BY layer.id
