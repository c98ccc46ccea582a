-- layers with documents on features, and '' where there are documents on places; each by its index
SELECT l.id FROM onemap.layer AS l
WHERE EXISTS (SELECT FROM onemap.document_link AS d WHERE d.layer = l.id AND d.withdrawn_at IS NULL)
UNION ALL
SELECT '' WHERE EXISTS (
    SELECT FROM onemap.document_link AS d WHERE d.layer IS NULL AND d.withdrawn_at IS NULL
)
